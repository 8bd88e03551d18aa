"""What the decoder's kernels move, counted: FP16, batch 32, 8 heads of 64, step 64, a memory of 128 positions.

What is compulsory: tests/kernels/traffic.py.
"""

from __future__ import annotations

import pytest
import torch

from kernels.activation import linear_relu as linear
from kernels.attention import decoder_cross_attention as cross
from kernels.attention import decoder_self_attention as own
from kernels.decoder import reorder_cache as reorder
from tests.kernels.traffic import activities_of, spills, wastes_nothing

BATCH, BEAMS, HEADS, SIZE, STEPS, MEMORY = 32, 4, 8, 64, 64, 128
HIDDEN = HEADS * SIZE
HALF = 2  # bytes


@pytest.fixture
def counters(device):
    """The counters of the one launch that a call makes."""

    def of(function, *operands):
        (launched,) = activities_of(device, function, *operands)
        return launched.counters

    return of


@pytest.mark.parametrize("beams", [1, BEAMS])
def test_self_attention_reads_the_history_once(counters, random, beams):
    rows = BATCH * beams // BEAMS
    qkv, bias = random(rows, 3 * HIDDEN, dtype=torch.float16), random(3 * HIDDEN, dtype=torch.float16)
    keys, values = (random(rows, HEADS, 128, SIZE, dtype=torch.float16)[:, :, :STEPS] for _ in range(2))
    ancestors = torch.arange(beams, dtype=torch.int32).view(1, beams, 1).repeat(rows // beams, 1, STEPS)
    counted = counters(own.decoder_self_attention, qkv, bias, keys, values, ancestors if beams > 1 else None)
    history = 2 * rows * HIDDEN * (STEPS - 1)
    indices = 4 * rows * (STEPS - 1) if beams > 1 else 0
    wastes_nothing(counted, HALF * (qkv.numel() + bias.numel() + history + 3 * rows * HIDDEN) + indices)
    assert spills(own._attend) == {0}


@pytest.mark.parametrize("beams", [1, BEAMS])
def test_cross_attention_reads_the_memory_once_for_all_beams(counters, random, beams):
    query, bias = random(BATCH * beams, HIDDEN, dtype=torch.float16), random(HIDDEN, dtype=torch.float16)
    keys, values = random(BATCH, MEMORY, 2, HEADS, SIZE, dtype=torch.float16).unbind(2)
    lengths = torch.full((BATCH,), MEMORY, dtype=torch.int32)
    counted = counters(cross.decoder_cross_attention, query, bias, keys, values, lengths)
    memory = 2 * BATCH * MEMORY * HIDDEN
    compulsory = HALF * (2 * query.numel() + bias.numel() + memory) + 4 * BATCH
    wastes_nothing(counted, compulsory)
    # no second block reads the same memory: each reads the bias, its queries and the lengths again
    assert counted.l2_bytes <= 1.06 * compulsory
    assert spills(cross._attend) == {0}


@pytest.mark.parametrize("beams", [2, BEAMS])
def test_cross_attention_of_several_beams_spills_nothing_in_fp32(random, beams):
    query, bias = random(beams, HIDDEN), random(HIDDEN)
    keys, values = random(1, 3, 2, HEADS, SIZE).unbind(2)
    cross.decoder_cross_attention(query, bias, keys, values, torch.tensor([3], dtype=torch.int32))
    assert spills(cross._attend) == {0}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_single_row_reads_the_weights_of_the_feed_forward_layer_once(counters, random, dtype):
    operands = random(1, HIDDEN, dtype=dtype), random(4 * HIDDEN, HIDDEN, dtype=dtype), random(4 * HIDDEN, dtype=dtype)
    counted = counters(linear.linear_relu, *operands)
    scalars = sum(operand.numel() for operand in operands) + 4 * HIDDEN
    wastes_nothing(counted, scalars * dtype.itemsize)
    assert spills(linear._single_row) == {0}


def test_reordering_copies_the_steps_so_far_and_no_more(counters, random):
    source, out = (random(2, BATCH, HEADS, 128, SIZE, dtype=torch.float16)[..., :STEPS, :] for _ in range(2))
    parents = torch.tensor([1, 0, 3, 2]).repeat(BATCH // BEAMS, 1)  # every row is some row's parent
    counted = counters(reorder.reorder_cache, source, parents, out)
    wastes_nothing(counted, HALF * 2 * source.numel() + 8 * BATCH)
    assert spills(reorder._reorder) == {0}
