"""Attention of a decoder's step: views at odd offsets, nothing to do, and what is refused."""

import pytest
import torch

from kernels.attention import decoder_cross_attention as cross
from kernels.attention import decoder_self_attention as own
from kernels.attention.head_groups import MOST_WARPS, head_groups
from kernels.shapes import FILLED_GPU, WARP, OperandError
from reference.attention import decoder_cross_attention as cross_reference
from reference.attention import decoder_self_attention as own_reference

ROWS, HEADS, SIZE, STEPS = 4, 2, 16, 5
HIDDEN = HEADS * SIZE


@pytest.fixture
def step(random):
    """A step's operands, the caches with an odd offset where asked for."""

    def make(rows=ROWS, offset=0, dtype=torch.float32):
        count = rows * HEADS * STEPS * SIZE
        caches = [random(count + offset, dtype=dtype)[offset:].view(rows, HEADS, STEPS, SIZE) for _ in range(2)]
        return random(rows, 3 * HIDDEN, dtype=dtype), random(3 * HIDDEN, dtype=dtype), *caches

    return make


@pytest.fixture
def memory(random):
    def make(batch=2, beams=2, offset=0):
        count = batch * STEPS * HIDDEN
        keys, values = (random(count + offset)[offset:].view(batch, STEPS, HEADS, SIZE) for _ in range(2))
        return random(batch * beams, HIDDEN), random(HIDDEN), keys, values, torch.full((batch,), 3, dtype=torch.int32)

    return make


def test_caches_at_odd_offsets(step):
    qkv, bias, keys, values = step(offset=1)
    expected = own_reference.decoder_self_attention(qkv, bias, keys, values)
    for got, right in zip(own.decoder_self_attention(qkv, bias, keys, values), expected, strict=True):
        torch.testing.assert_close(got, right)


def test_a_memory_at_an_odd_offset(memory):
    operands = memory(offset=1)
    right = cross_reference.decoder_cross_attention(*operands)
    torch.testing.assert_close(cross.decoder_cross_attention(*operands), right)


def test_no_rows_give_no_context(step, memory):
    context, keys, _ = own.decoder_self_attention(*step(rows=0))
    assert context.shape == (0, HIDDEN)
    assert keys.shape == (0, HEADS, STEPS, SIZE)
    assert cross.decoder_cross_attention(*memory(batch=0)).shape == (0, HIDDEN)
    assert cross.decoder_cross_attention(*memory(beams=0)).shape == (0, HIDDEN)


def test_a_length_beyond_the_memory_ends_with_it(memory):
    query, bias, keys, values, lengths = memory()
    whole = cross.decoder_cross_attention(query, bias, keys, values, torch.full_like(lengths, STEPS))
    assert torch.equal(cross.decoder_cross_attention(query, bias, keys, values, lengths + 100), whole)


def test_keys_and_values_that_lie_differently_are_refused(step):
    qkv, bias, keys, values = step()
    with pytest.raises(OperandError, match="they must lie alike"):
        own.decoder_self_attention(qkv, bias, keys, values.transpose(0, 1).contiguous().transpose(0, 1))


def test_heads_whose_columns_are_apart_are_refused(step):
    qkv, bias, keys, values = step()
    apart = [cache.transpose(2, 3).contiguous().transpose(2, 3) for cache in (keys, values)]
    with pytest.raises(OperandError, match="the columns of a head must be consecutive"):
        own.decoder_self_attention(qkv, bias, *apart)


def test_caches_of_another_dtype_are_refused(step):
    qkv, bias, keys, values = step()
    with pytest.raises(OperandError, match=r"values torch.float16, expected torch.float32"):
        own.decoder_self_attention(qkv, bias, keys, values.half())


def test_a_cache_without_room_for_this_step_is_refused(step):
    qkv, bias, keys, values = step()
    with pytest.raises(OperandError, match="keys have no position"):
        own.decoder_self_attention(qkv, bias, keys[:, :, :0], values[:, :, :0])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 2, 3), r"\[2, 2, 3\], expected torch.int32 \[batch, beams, steps\] for 4 rows and at least 4 steps"),
        ((2, 3, 4), r"\[2, 3, 4\], expected torch.int32 \[batch, beams, steps\] for 4 rows"),
    ],
)
def test_ancestors_of_other_rows_or_of_too_few_steps_are_refused(step, shape, message):
    with pytest.raises(OperandError, match=message):
        own.decoder_self_attention(*step(), torch.zeros(shape, dtype=torch.int32))


def test_ancestors_may_be_part_of_a_table_but_not_apart(step):
    table = torch.tensor([[0, 1, 1, 0, 9, 9], [1, 0, 1, 0, 9, 9]], dtype=torch.int32).repeat(2, 1, 1)
    qkv, bias, keys, values = step()
    part, _, _ = own.decoder_self_attention(qkv, bias, keys, values, table[:, :, :4])
    assert torch.equal(part, own.decoder_self_attention(qkv, bias, keys, values, table[:, :, :4].contiguous())[0])
    with pytest.raises(OperandError, match="a row's steps must be consecutive"):
        own.decoder_self_attention(qkv, bias, keys, values, table.transpose(1, 2).contiguous().transpose(1, 2))


def test_rows_that_the_memories_do_not_divide_are_refused(memory):
    query, bias, keys, values, lengths = memory()
    with pytest.raises(OperandError, match="3 rows are no whole number of beams for each of 2 memories"):
        cross.decoder_cross_attention(query[:3], bias, keys, values, lengths)


def test_a_memory_of_no_position_is_refused(memory):
    query, bias, keys, values, lengths = memory()
    with pytest.raises(OperandError, match="there is nothing to attend to"):
        cross.decoder_cross_attention(query, bias, keys[:, :0], values[:, :0], lengths)


def test_a_head_that_no_warp_can_hold_is_refused():
    with pytest.raises(OperandError, match="a head of 1040 does not fit the registers of a warp"):
        head_groups("attention", 1040, (1040,), torch.empty(1, dtype=torch.float16))


def test_positions_are_shared_by_more_warps_where_blocks_are_few():
    groups = head_groups("attention", 64, (64,), torch.empty(8, dtype=torch.float16))
    assert (groups.vector, groups.lanes, groups.items) == (8, 8, 1)
    assert [groups.threads(positions, blocks=8) // WARP for positions in (0, 4, 5, 9, 1000)] == [1, 1, 2, 4, MOST_WARPS]
    assert [groups.threads(positions, blocks=FILLED_GPU) // WARP for positions in (16, 17, 64)] == [1, 2, 4]
    assert [groups.queries(beams) for beams in (1, 2, 3, 4, 9)] == [1, 2, 4, 4, 4]
