"""Vector widths, blocks and grids: they fit CUDA's limits and leave no element out, whatever the sizes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.shapes import OperandError, held_items, lane_block, require, row_block, tiles, vector_width

lengths = st.integers(1, 100_000)
widths = st.sampled_from([1, 2, 4, 8])


@pytest.mark.parametrize(
    ("dtype", "length", "width"),
    [
        (torch.float16, 768, 8),
        (torch.float32, 768, 4),
        (torch.float16, 770, 2),
        (torch.float16, 12, 4),
        (torch.float32, 1021, 1),
        (torch.float16, 1, 1),
    ],
)
def test_a_vector_fills_16_bytes_if_it_divides_the_length(dtype, length, width):
    assert vector_width(length, torch.empty(2, length, dtype=dtype)) == width


@pytest.mark.parametrize(("offset", "width"), [(0, 8), (1, 1), (2, 2), (4, 4), (8, 8)])
def test_a_vector_is_as_wide_as_the_worst_aligned_tensor_allows(offset, width):
    aligned = torch.empty(64, dtype=torch.float16)
    assert vector_width(64, aligned, torch.empty(128, dtype=torch.float16)[offset : offset + 64]) == width


def test_a_mask_of_single_bytes_does_not_widen_the_vector_of_the_scores():
    scores, mask = torch.empty(64, dtype=torch.float32), torch.empty(64, dtype=torch.bool)
    assert vector_width(64, scores, mask) == 4


@given(rows=lengths, vectors=lengths)
def test_tiles_cover_every_column_and_fit_a_launch(rows, vectors):
    shape = tiles(rows, vectors)
    (columns, down), (across, deep) = shape.grid, shape.block
    assert columns * across >= vectors
    assert 1 <= down <= 65535
    assert down * deep < rows + deep
    assert across * deep <= 256


@given(rows=lengths, vectors=lengths)
def test_tiles_leave_less_than_half_of_a_wide_block_without_columns(rows, vectors):
    across = tiles(rows, vectors).block[0]
    assert -(-vectors // across) * across < 2 * max(vectors, 1) or vectors < 2


@given(vectors=lengths, width=widths)
def test_a_row_block_holds_its_row_or_says_that_it_cannot(vectors, width):
    block = row_block(vectors, width)
    assert block.threads % 32 == 0
    assert 32 <= block.threads <= 1024
    if block.items:
        assert block.threads * block.items >= vectors
        assert block.items <= held_items(width)
    else:
        assert 1024 * held_items(width) < vectors


@given(vectors=lengths)
def test_the_lanes_of_a_warp_hold_their_row_and_short_rows_take_few(vectors):
    block = lane_block(vectors)
    assert block.threads in (1, 2, 4, 8, 16, 32)
    assert block.threads * block.items >= vectors
    assert block.threads < 2 * vectors


def test_what_a_thread_holds_leaves_registers_for_1024_threads():
    assert all(held_items(width) * width <= 32 for width in (1, 2, 4, 8))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.empty(3, dtype=torch.float16), r"op: bias is torch\.float16, expected torch\.float32"),
        (torch.empty(4), r"op: bias has shape \(4,\), expected \(3,\)"),
        (torch.empty(6)[::2], r"op: bias is not contiguous \(strides \(2,\) for shape \(3,\)\); call \.contiguous\(\)"),
    ],
)
def test_a_tensor_that_a_kernel_cannot_read_is_refused_by_name(tensor, message):
    with pytest.raises(OperandError, match=message):
        require("op", torch.float32, bias=(tensor, (3,)))
