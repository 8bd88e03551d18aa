"""Texts that name devices."""

import pytest
import torch

from harness.device import spec
from harness.device.spec import DeviceSpec, default_spec, parse_spec, require
from harness.errors import FuseproofError


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that the machine has this many GPUs, and a torch for CUDA."""

    def pretend(count, version="13.0"):
        monkeypatch.setattr(spec, "cuda_gpus", lambda: count)
        monkeypatch.setattr(torch.version, "cuda", version)

    return pretend


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("vgpu", "vgpu:T4"),
        ("vgpu:A100", "vgpu:A100"),
        ("vgpu:v100", "vgpu:V100"),
        ("vgpu:V100:DGX1-2020", "vgpu:V100:dgx1-2020"),
        ("vgpu:V100:server", "vgpu:V100"),
        ("vgpu::dgx1-2020", "vgpu:T4:dgx1-2020"),
        ("cuda", "cuda:0"),
        ("cuda:3", "cuda:3"),
    ],
)
def test_a_text_names_a_device(text, label):
    assert parse_spec(text).label == label


def test_the_environment_chooses_where_no_option_does(monkeypatch):
    monkeypatch.setenv("FUSEPROOF_DEVICE", "vgpu:H100")
    assert parse_spec().label == "vgpu:H100"
    assert parse_spec("vgpu").label == "vgpu:T4"


@pytest.mark.parametrize("text", ["tpu", "cuda:x", "vgpux", "cuda:-1"])
def test_other_texts_are_refused_with_what_there_is(text):
    with pytest.raises(FuseproofError, match="it is vgpu, vgpu:GPU, vgpu:GPU:HOST, cuda or cuda:N"):
        parse_spec(text)


def test_an_unknown_gpu_is_refused_with_those_that_have_data():
    with pytest.raises(FuseproofError, match="no data for 'B9000': it can be A100, H100, L4, RTX4090, T4, V100"):
        parse_spec("vgpu:B9000")


def test_an_unknown_host_is_refused_with_those_that_have_data():
    with pytest.raises(FuseproofError, match=r"no data for 'abacus': it can be .*dgx1-2020"):
        parse_spec("vgpu:V100:abacus")


def test_the_default_is_a_gpu_that_answers_else_the_vgpu(gpus):
    gpus(1)
    assert default_spec() == DeviceSpec("cuda")
    gpus(1, version=None)
    assert default_spec().label == "vgpu:T4"
    gpus(0)
    assert default_spec().label == "vgpu:T4"


def test_cuda_without_a_gpu_with_too_few_or_without_torch_s_support_is_one_sentence(gpus):
    gpus(0)
    with pytest.raises(FuseproofError, match=r"^cuda:0 cannot be opened: no CUDA GPU answers on this machine; "):
        require(DeviceSpec("cuda"))
    gpus(1)
    with pytest.raises(FuseproofError, match=r"^cuda:2 cannot be opened: this machine has 1; "):
        require(DeviceSpec("cuda", index=2))
    gpus(1, version=None)
    with pytest.raises(FuseproofError, match=r"^cuda:0 cannot be used: this torch is built without CUDA; "):
        require(DeviceSpec("cuda"))
    require(DeviceSpec("vgpu", gpu="T4"))
