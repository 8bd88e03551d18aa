"""What the encoder's kernels move, conflict and spill, counted at BERT-base's sizes: batch 8, 128 tokens each, FP16
unless a test says otherwise."""

import pytest
import torch

from harness.counted import Budget, count, require
from kernels.activation.bias_gelu import bias_gelu
from kernels.activation.bias_relu import bias_relu
from kernels.attention.fused_attention import fused_attention, packed_attention
from kernels.encoder.padding import find_tokens, take_rows
from kernels.normalization.bias_residual_layer_norm import bias_residual_layer_norm, bias_residual_pre_norm
from kernels.normalization.layer_norm import layer_norm

BATCH, SEQUENCE, HEADS, HIDDEN = 8, 128, 12, 768
TOKENS, VALID = BATCH * SEQUENCE, 700
WASTES_NOTHING = Budget(sector_efficiency=0.95, conflict_free=1, traffic=1.05, spill_bytes=0)


@pytest.fixture
def half(device):
    """Seeded normal FP16 tensors."""
    if not device.vgpu:
        pytest.skip("only the vgpu counts what is executed")
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator).half()


@pytest.fixture
def wastes_nothing(device):
    """Whole sectors, each once, no bank conflicts, no spills."""

    def assert_it(function, *inputs):
        require(count(function, inputs, device, name=function.__name__), WASTES_NOTHING)

    return assert_it


@pytest.mark.parametrize("function", [bias_gelu, bias_relu])
def test_bias_and_activation(wastes_nothing, half, function):
    wastes_nothing(function, half(TOKENS, 4 * HIDDEN), half(4 * HIDDEN))


def test_layer_norm_alone(wastes_nothing, half):
    wastes_nothing(layer_norm, half(TOKENS, HIDDEN), half(HIDDEN), half(HIDDEN))


@pytest.mark.parametrize("function", [bias_residual_layer_norm, bias_residual_pre_norm])
def test_norms_of_a_sum(wastes_nothing, half, function):
    x, residual = half(TOKENS, HIDDEN), half(TOKENS, HIDDEN)
    wastes_nothing(function, x, half(HIDDEN), residual, half(HIDDEN), half(HIDDEN))


@pytest.mark.parametrize(("heads", "queries"), [(12, 1), (12, SEQUENCE), (24, 1)])
def test_attention_under_a_mask(wastes_nothing, half, heads, queries):
    masked = torch.zeros(BATCH, 1, queries, SEQUENCE, dtype=torch.bool)
    masked[:, :, :, 100:] = True
    wastes_nothing(fused_attention, half(BATCH, SEQUENCE, 3 * HIDDEN), half(3 * HIDDEN), masked, heads)


@pytest.mark.parametrize("heads", [12, 24])
def test_attention_without_tensor_cores(wastes_nothing, half, heads):
    masked = torch.zeros(1, 1, 1, SEQUENCE, dtype=torch.bool)
    wastes_nothing(fused_attention, half(1, SEQUENCE, 3 * HIDDEN).float(), half(3 * HIDDEN).float(), masked, heads)


def test_attention_over_packed_sequences(wastes_nothing, half):
    offsets = torch.tensor([0, 100, 101, 229, 300, 400, 500, 600, VALID], dtype=torch.int32)
    wastes_nothing(packed_attention, half(VALID, 3 * HIDDEN), half(3 * HIDDEN), offsets, SEQUENCE, HEADS)


def test_finding_the_valid_tokens(wastes_nothing, half):
    wastes_nothing(find_tokens, torch.arange(SEQUENCE).expand(BATCH, 1, 1, SEQUENCE).ge(96))


def test_taking_rows(wastes_nothing, half):
    index = torch.arange(TOKENS, dtype=torch.int32)
    wastes_nothing(take_rows, half(TOKENS, HIDDEN), index)
