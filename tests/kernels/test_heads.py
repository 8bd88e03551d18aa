"""Splitting into heads and merging them: every element in its place, with one rounding."""

import pytest
import torch

from kernels.attention.heads import bias_split_heads, merge_heads
from kernels.shapes import OperandError
from reference.attention import heads as reference

SHAPES = [(1, 1, 1, 1), (2, 5, 12, 64), (1, 33, 3, 7), (3, 1, 2, 20), (1, 300, 2, 8)]
DTYPES = (torch.float16, torch.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("batch", "sequence", "heads", "size"), SHAPES)
def test_split_heads_has_the_bits_of_the_reference(random, dtype, batch, sequence, heads, size):
    qkv, bias = random(batch, sequence, 3 * heads * size, dtype=dtype), random(3 * heads * size, dtype=dtype)
    assert torch.equal(bias_split_heads(qkv, bias, heads), reference.bias_split_heads(qkv, bias, heads))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("batch", "sequence", "heads", "size"), SHAPES)
def test_merge_heads_has_the_bits_of_the_reference(random, dtype, batch, sequence, heads, size):
    context = random(batch, heads, sequence, size, dtype=dtype)
    assert torch.equal(merge_heads(context), reference.merge_heads(context))


def test_views_at_odd_offsets(random):
    qkv, bias = random(1 + 2 * 3 * 48)[1:].view(2, 3, 48), random(48)
    assert torch.equal(bias_split_heads(qkv, bias, 2), reference.bias_split_heads(qkv, bias, 2))


def test_no_batch_gives_an_empty_output(random):
    assert bias_split_heads(random(0, 3, 24), random(24), 2).shape == (3, 0, 2, 3, 4)
    assert merge_heads(random(0, 2, 3, 4)).shape == (0, 3, 8)


def test_columns_that_the_heads_do_not_divide_are_refused(random):
    with pytest.raises(OperandError, match=r"qkv has shape \(1, 2, 50\), expected \(1, 2, 48\)"):
        bias_split_heads(random(1, 2, 50), random(50), 4)
