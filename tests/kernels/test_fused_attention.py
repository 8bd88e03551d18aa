"""Attention in one launch: heads of 128, sequences of no tokens, what is the same bits, and what is refused."""

import pytest
import torch

from kernels.attention.fused_attention import fused_attention, packed_attention
from kernels.shapes import OperandError
from reference.attention import fused_attention as reference


@pytest.fixture
def masks(device):
    """No key masked, but for those of a slice."""

    def make(*shape, masked=slice(0, 0)):
        flags = torch.zeros(*shape, dtype=torch.bool)
        flags[..., masked] = True
        return flags.to(device.torch)

    return make


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_heads_of_128(agree, random, masks, dtype):
    qkv, bias = random(1, 33, 3 * 128, dtype=dtype), random(3 * 128, dtype=dtype)
    masked = masks(1, 1, 1, 33, masked=slice(20, None))
    agree(fused_attention, reference.fused_attention, qkv, bias, masked, 1, reduction=128)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_query_with_everything_masked_is_nan_and_leaves_its_neighbours_alone(random, masks, dtype):
    masked = masks(1, 1, 40, 40)
    masked[0, 0, 7] = True
    rows = fused_attention(random(1, 40, 3 * 64, dtype=dtype), random(3 * 64, dtype=dtype), masked, 1)[0]
    assert rows[7].isnan().all()
    assert rows[:7].isfinite().all()
    assert rows[8:].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_packed_sequences_have_the_bits_of_padded_ones(random, masks, device, dtype):
    qkv, bias = random(2, 40, 3 * 64, dtype=dtype), random(3 * 64, dtype=dtype)
    padded = fused_attention(qkv, bias, masks(1, 1, 1, 40), 1)
    offsets = torch.tensor([0, 40, 80], dtype=torch.int32, device=device.torch)
    assert torch.equal(packed_attention(qkv.view(80, -1), bias, offsets, 40, 1), padded.view(80, -1))


def test_a_packed_sequence_may_have_no_tokens(agree, random, device):
    offsets = torch.tensor([0, 0, 20, 20, 52], dtype=torch.int32, device=device.torch)
    qkv, bias = random(52, 3 * 64), random(3 * 64)
    agree(packed_attention, reference.packed_attention, qkv, bias, offsets, 40, 1, reduction=64)


def test_no_batch_gives_an_empty_output(random, masks):
    assert fused_attention(random(0, 5, 3 * 64), random(3 * 64), masks(1, 1, 1, 5), 1).shape == (0, 5, 64)


def test_a_head_size_without_a_kernel_is_refused(random, masks):
    with pytest.raises(OperandError, match="fused_attention: heads of 48 columns, expected 32, 64, 128"):
        fused_attention(random(1, 5, 3 * 96), random(3 * 96), masks(1, 1, 1, 5), 2)


def test_columns_that_the_heads_do_not_divide_are_refused(random, masks):
    with pytest.raises(OperandError, match=r"qkv has shape \(1, 5, 194\), expected \(1, 5, 192\)"):
        fused_attention(random(1, 5, 194), random(194), masks(1, 1, 1, 5), 1)


def test_a_mask_for_each_head_is_refused(random, masks):
    with pytest.raises(OperandError, match=r"masked has shape \(1, 2, 1, 5\), expected \(1, 1, 1, 5\)"):
        fused_attention(random(1, 5, 3 * 64), random(3 * 64), masks(1, 2, 1, 5), 1)


def test_offsets_of_64_bits_are_refused(random, device):
    offsets = torch.tensor([0, 5], device=device.torch)
    with pytest.raises(OperandError, match=r"offsets is torch\.int64, expected torch\.int32"):
        packed_attention(random(5, 3 * 64), random(3 * 64), offsets, 5, 1)
