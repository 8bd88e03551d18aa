"""The data files of GPUs and hosts: complete, sourced, and consistent with themselves."""

import json

import pytest

from harness.errors import FuseproofError
from harness.vgpu import gpus, hosts
from harness.vgpu.datasheet import load


@pytest.fixture(params=gpus.names())
def gpu(request):
    return gpus.load(request.param)


def test_six_gpus_are_known():
    assert set(gpus.names()) == {"T4", "V100", "A100", "H100", "L4", "RTX4090"}


def test_names_ignore_case():
    assert gpus.load("t4") is gpus.load("T4") or gpus.load("t4") == gpus.load("T4")


def test_an_unknown_gpu_is_an_error_that_lists_the_known():
    with pytest.raises(FuseproofError, match="unknown gpu 'K80'; known: A100, H100, L4, RTX4090, T4, V100"):
        gpus.load("K80")


def test_nvcc_13_compiles_nothing_below_sm_75(gpu):
    assert gpu.compile_capability >= (7, 5)
    assert gpu.compile_capability == max(gpu.compute_capability, (7, 5))


def test_peaks_follow_from_lanes_and_clock(gpu):
    peak = gpu.sms * gpu.lanes["fp32"] * 2 * gpu.clock_hz
    assert peak == pytest.approx(gpu.fp32_peak, rel=0.09)


def test_dram_bandwidth_follows_from_memory_clock_and_bus(gpu):
    assert 2 * gpu.memory_clock_hz * gpu.memory_bus_bits / 8 == pytest.approx(gpu.dram_bandwidth, rel=0.01)


def test_l2_is_faster_than_dram(gpu):
    assert gpu.achievable_l2_bandwidth > gpu.achievable_dram_bandwidth


def test_shares_are_shares(gpu):
    shares = [gpu.dram_efficiency, gpu.l2_efficiency, gpu.link_efficiency, *gpu.gemm_efficiency.values()]
    assert all(0 < share <= 1 for share in shares)


def test_tensor_lanes_are_those_of_the_tensor_peak(gpu):
    flops = 2 * 16 * 8 * 16  # of a warp's m16n8k16
    lanes_a_clock = gpu.tensor_peak / (gpu.sms * gpu.clock_hz) / flops * 32
    assert lanes_a_clock == pytest.approx(gpu.lanes["tensor"], rel=0.03)


def test_a_tuned_product_is_no_slower_than_one_that_cublas_chooses(gpu):
    assert gpu.gemm_efficiency["tensor-tuned"] >= gpu.gemm_efficiency["tensor"]


def test_every_assumption_says_on_what_grounds():
    for folder in (gpus.FOLDER, hosts.FOLDER):
        for path in folder.glob("*.json"):
            for name, figure in json.loads(path.read_text())["figures"].items():
                if figure["source"] == "assume" and isinstance(figure["value"], int | float | dict):
                    assert figure.get("note"), f"{path.name}: {name}"


def test_a_figure_without_a_source_is_refused(tmp_path):
    sheet = json.loads((hosts.FOLDER / "server.json").read_text())
    sheet["figures"]["torch_view_ns"]["source"] = "hearsay"
    (tmp_path / "rumour.json").write_text(json.dumps(sheet))
    with pytest.raises(FuseproofError, match="torch_view_ns"):
        load(tmp_path, "rumour", hosts.Host)


def test_a_missing_figure_is_named(tmp_path):
    sheet = json.loads((hosts.FOLDER / "server.json").read_text())
    del sheet["figures"]["synchronize_ns"]
    (tmp_path / "partial.json").write_text(json.dumps(sheet))
    with pytest.raises(FuseproofError, match=r"missing figures \['synchronize_ns'\]"):
        load(tmp_path, "partial", hosts.Host)


def test_a_host_charges_unnamed_calls_the_default():
    host = hosts.load()
    assert host.call("cuSomethingNew") == host.call_ns["default"]
    assert host.python("cuSomethingNew") == 0
