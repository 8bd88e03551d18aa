"""Profiles of real kernels, compiled, launched through PyCUDA and counted, beside torch's operators."""

import pytest
import torch

import kernels.encoder.layer as fused
import reference.encoder.layer as reference
from harness.device import current
from harness.timing import profile

HEADS, HIDDEN = 2, 64


@pytest.fixture(scope="module")
def device():
    if (opened := current()).kind != "vgpu":
        pytest.skip("the virtual clock belongs to the vgpu")
    return opened


@pytest.fixture(scope="module", params=[torch.float16, torch.float32], ids=["fp16", "fp32"])
def inputs(request):
    def make(*shape):
        return torch.full(shape, 0.01, dtype=request.param)

    def linear(outputs, inputs):
        return make(outputs, inputs), make(outputs)

    x, masked = make(2, 16, HIDDEN), torch.zeros(2, 1, 1, 16, dtype=torch.bool)
    norm = make(HIDDEN), make(HIDDEN)
    attention = linear(3 * HIDDEN, HIDDEN), linear(HIDDEN, HIDDEN), norm
    return x, masked, HEADS, *attention, linear(4 * HIDDEN, HIDDEN), linear(HIDDEN, 4 * HIDDEN), norm


def test_the_fused_layer_launches_eight_kernels_and_the_naive_one_twenty_and_a_copy(device, inputs):
    naive = profile(reference.encoder_layer, inputs, name="naive", device=device)
    ours = profile(fused.encoder_layer, inputs, name="fused", device=device)
    assert (naive.launches, naive.copies) == (20, 1)
    assert (ours.launches, ours.copies) == (8, 0)


def test_the_fused_layer_moves_fewer_bytes_and_ends_sooner(device, inputs):
    naive = profile(reference.encoder_layer, inputs, name="naive", device=device)
    ours = profile(fused.encoder_layer, inputs, name="fused", device=device)
    assert ours.dram_bytes < naive.dram_bytes
    assert ours.wall_us < naive.wall_us


def test_a_second_profile_is_the_same_to_the_nanosecond(device, inputs):
    fused.encoder_layer(*inputs)  # kernels are loaded once
    once, again = (profile(fused.encoder_layer, inputs, name="fused", device=device) for _ in range(2))
    assert once == again


def test_kernels_carry_their_names_from_the_source(device, inputs):
    found = {share.name for share in profile(fused.encoder_layer, inputs, name="fused", device=device).kernels}
    attention = {"fused_attention" if inputs[0].dtype == torch.float16 else "fused_attention_fma"}
    assert {"bias_gelu", "bias_residual_layer_norm"} | attention <= found
