"""The fitted parameters: few, inside their ranges, and read from the data files."""

import json

import pytest

from harness.validation.parameters import PARAMETERS, VIEW_SHARE, applied, clocked, tuned, values
from harness.vgpu import gpus, hosts

V100, HOST = gpus.load("V100"), hosts.load("dgx1-2020")


def test_at_most_eight_are_fitted():
    assert len(PARAMETERS) <= 8


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.figure)
def test_each_lies_inside_its_physical_range(parameter):
    """Strictly: a value at a bound would be one that wants to be elsewhere."""
    assert parameter.low < parameter.of(V100, HOST) < parameter.high


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.figure)
def test_each_is_marked_as_calibrated_in_its_data_file(parameter):
    owner, field, _ = parameter.path
    path = gpus.FOLDER / "V100.json" if owner == "gpu" else hosts.FOLDER / "dgx1-2020.json"
    assert json.loads(path.read_text())["figures"][field]["source"] == "calibration"


def test_no_other_figure_of_a_v100_or_its_host_is_calibrated():
    fields = {parameter.path[1] for parameter in PARAMETERS} | {"torch_view_ns"}
    for path in (gpus.FOLDER / "V100.json", hosts.FOLDER / "dgx1-2020.json"):
        figures = json.loads(path.read_text())["figures"]
        fitted = {name for name, figure in figures.items() if figure["source"] == "calibration"}
        assert fitted - {"name", "full_name"} <= fields


def test_a_view_takes_its_share_of_an_operator():
    assert HOST.torch_view_ns == pytest.approx(VIEW_SHARE * HOST.torch_operator_ns, rel=0.01)


def test_the_committed_values_change_nothing():
    assert applied(values(V100, HOST), V100, HOST) == (V100, HOST)


def test_other_values_take_their_place():
    gpu, host = applied([0.8, 0.6, 0.7, 300, 1000, 10_000, 20_000], V100, HOST)
    assert gpu.gemm_efficiency == {"fp32": 0.8, "tensor": 0.6, "tensor-tuned": 0.7}
    assert (gpu.gemm_step_cycles, gpu.kernel_ramp_ns) == (300, 1000)
    assert (host.torch_operator_ns, host.torch_view_ns, host.torch_extension_ns) == (10_000, 2_500, 20_000)
    assert tuned(gpu).gemm_efficiency["tensor"] == 0.7


def test_a_slower_clock_leaves_memory_alone():
    slower = clocked(V100, V100.clock_hz // 2)
    assert slower.tensor_peak == pytest.approx(V100.tensor_peak / 2)
    assert slower.dram_bandwidth == V100.dram_bandwidth
