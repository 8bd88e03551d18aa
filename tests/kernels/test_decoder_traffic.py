"""What the decoder's kernels move, counted: FP16, batch 32, 8 heads of 64, step 64, a memory of 128 positions.

Compulsory is what a kernel must read and write once: what else it takes is waste.
"""

from __future__ import annotations

import pytest
import torch

from harness.vgpu.run.mode import Mode
from kernels.attention import decoder_cross_attention as cross
from kernels.attention import decoder_self_attention as own
from kernels.decoder import reorder_cache as reorder

BATCH, BEAMS, HEADS, SIZE, STEPS, MEMORY = 32, 4, 8, 64, 64, 128
HIDDEN = HEADS * SIZE
HALF = 2  # bytes


@pytest.fixture
def counters(device):
    """The counters of the one launch that a call makes."""
    if not device.vgpu:
        pytest.skip("only the vgpu counts what is executed")

    def of(function, *operands):
        activities = device.vgpu.clock.activities
        before = len(activities)
        with device.vgpu.using(Mode(checked=True, counted=True)):
            function(*operands)
        (launched,) = activities[before:]
        return launched.counters

    return of


def wastes_nothing(counted, compulsory):
    """Whole sectors, each once; no bank conflicts; nothing in local memory."""
    assert counted.ideal_sectors >= 0.95 * counted.sectors
    assert compulsory <= counted.dram_bytes <= 1.05 * compulsory
    assert counted.wavefronts == counted.ideal_wavefronts
    assert counted.local_load_requests == counted.local_store_requests == 0


def spills(kernel):
    """Bytes of local memory, by ptxas, of the instances that were launched."""
    return {launcher.function.local_size_bytes for launcher in kernel._launchers.values()}


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
    assert counted.l2_bytes <= 1.1 * compulsory  # no second block reads the same memory, only the bias
    assert spills(cross._attend) == {0}


def test_reordering_copies_the_steps_so_far_and_no_more(counters, random):
    source, out = (random(2, BATCH, HEADS, 128, SIZE, dtype=torch.float16)[..., :STEPS, :] for _ in range(2))
    parents = torch.tensor([1, 0, 3, 2]).repeat(BATCH // BEAMS, 1)  # every row is some row's parent
    counted = counters(reorder.reorder_cache, source, parents, out)
    wastes_nothing(counted, HALF * 2 * source.numel() + 8 * BATCH)
    assert spills(reorder._reorder) == {0}
