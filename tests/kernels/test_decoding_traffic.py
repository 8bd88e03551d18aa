"""What the kernels of a decoding step move, counted: FP16, batch 32, 4 beams, 8 heads of 64, a vocabulary of 30,000.

What is compulsory: tests/kernels/traffic.py.
"""

from __future__ import annotations

import pytest
import torch

from kernels.decoding import beam_search, embedding, gather_tree, sampling
from tests.kernels.traffic import activities_of, spills, wastes_nothing

BATCH, BEAMS, HIDDEN, VOCABULARY, STEPS = 32, 4, 512, 30000, 32
ROWS = BATCH * BEAMS
HALF = 2  # bytes


@pytest.fixture
def counters(device):
    """The counters of each launch that a call makes."""

    def of(function, *operands, **options):
        made = activities_of(device, function, *operands, **options)
        return [launched.counters for launched in made if launched.kind == "kernel"]

    return of


def test_embedding_reads_the_words_of_its_tokens_once(counters, random):
    tokens = torch.arange(ROWS) * 7
    table, positions = random(VOCABULARY, HIDDEN, dtype=torch.float16), random(4, HIDDEN, dtype=torch.float16)
    weight, shift = random(HIDDEN, dtype=torch.float16), random(HIDDEN, dtype=torch.float16)
    (counted,) = counters(embedding.embed, tokens, table, positions, 2, weight, shift)
    wastes_nothing(counted, HALF * (3 * ROWS * HIDDEN + 3 * HIDDEN) + 8 * ROWS)
    assert spills(embedding._embed) == {0}


def test_a_beam_step_reads_the_logits_once_and_writes_none(counters, random):
    logits, bias = random(BATCH, BEAMS, VOCABULARY, dtype=torch.float16), random(VOCABULARY, dtype=torch.float16)
    lengths = torch.ones(BATCH, BEAMS, dtype=torch.int32)
    ancestors = torch.zeros(BATCH, BEAMS, STEPS, dtype=torch.int32)
    state = beam_search.Beams(random(BATCH, BEAMS), torch.zeros(BATCH, BEAMS, dtype=torch.bool), lengths, ancestors)
    tiles, merge = counters(beam_search.beam_step, logits, bias, state, STEPS - 1, 2, 0.6)
    partials = ROWS * 8 * (8 * BEAMS + 8)  # 8 tiles of 4,096 tokens: their best, and two numbers for the softmax
    wastes_nothing(tiles, HALF * (logits.numel() + bias.numel()) + ROWS + partials)
    assert tiles.dram_write_bytes == partials
    assert merge.dram_bytes < 0.02 * tiles.dram_bytes
    assert merge.wavefronts <= 1.05 * merge.ideal_wavefronts  # where beams' offers are looked up, it depends on them
    assert spills(beam_search._tiles, beam_search._merge) == {0}


def test_sampling_reads_the_logits_from_dram_once(counters, random):
    logits, bias = random(BATCH, VOCABULARY, dtype=torch.float16), random(VOCABULARY, dtype=torch.float16)
    flags, lengths = torch.zeros(BATCH, dtype=torch.bool), torch.ones(BATCH, dtype=torch.int32)
    rows = sampling.Rows(random(BATCH), flags, lengths)
    (counted,) = counters(sampling.sample_top_p, logits, bias, torch.rand(BATCH), rows, 2, 0.9, 1.0)
    compulsory = HALF * (logits.numel() + bias.numel())
    assert counted.ideal_sectors >= 0.95 * counted.sectors
    assert compulsory <= counted.dram_bytes <= 1.05 * compulsory
    assert counted.local_load_requests == counted.local_store_requests == 0
    assert spills(sampling._sample) == {0}


def test_following_a_tree_reads_its_steps_once(counters):
    tokens = torch.randint(3, 100, (STEPS, BATCH, BEAMS))
    parents = torch.arange(BEAMS).expand(STEPS, BATCH, BEAMS).contiguous()
    (counted,) = counters(gather_tree.gather_tree, tokens, parents, torch.full((BATCH,), STEPS), 2)
    assert counted.ideal_sectors >= 0.95 * counted.sectors
    assert counted.dram_bytes <= 1.05 * (8 * 3 * tokens.numel() + 8 * BATCH)
    assert spills(gather_tree._gather_tree) == {0}
