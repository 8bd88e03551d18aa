"""Reordering of caches: only as much as was written, within the batch, and what is refused."""

import pytest
import torch

from kernels.decoder.reorder_cache import reorder_cache
from kernels.shapes import OperandError

PARENTS = torch.tensor([[1, 1], [0, 1]])


@pytest.fixture
def buffers(random):
    """Of 3 matrices, 4 rows, 2 heads, 6 positions of 8."""
    return random(3, 4, 2, 6, 8), random(3, 4, 2, 6, 8)


def test_rows_get_what_their_parents_have_up_to_the_step_and_no_more(buffers):
    source, out = buffers
    before = out.clone()
    reorder_cache(source[..., :4, :], PARENTS, out[..., :4, :])
    assert torch.equal(out[..., :4, :], source[:, [1, 1, 2, 3], :, :4])
    assert torch.equal(out[..., 4:, :], before[..., 4:, :])


def test_buffers_that_lie_differently_are_refused(buffers):
    source, out = buffers
    with pytest.raises(OperandError, match="they must lie alike"):
        reorder_cache(source, PARENTS, out.transpose(0, 1).contiguous().transpose(0, 1))


def test_positions_that_are_apart_are_refused(buffers):
    source, out = (buffer.transpose(2, 3).contiguous().transpose(2, 3) for buffer in buffers)
    with pytest.raises(OperandError, match="the positions of a head must be consecutive"):
        reorder_cache(source, PARENTS, out)


def test_parents_of_other_rows_are_refused(buffers):
    with pytest.raises(OperandError, match=r"parents has shape \(2, 1\), expected \(4, 1\)"):
        reorder_cache(buffers[0], PARENTS[:, :1], buffers[1])
    with pytest.raises(OperandError, match="1 x 3 parents for 4 rows"):
        reorder_cache(buffers[0], torch.zeros(1, 3, dtype=torch.int64), buffers[1])
