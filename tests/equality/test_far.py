"""Offsets beyond 2^32, without the memory: a kernel whose index wraps fails, a right one passes."""

import pytest
import torch

from harness.case import Case
from harness.device import current
from harness.equality import sparse
from harness.equality.check import check
from harness.equality.poison import unwritten
from harness.kernel import Kernel
from harness.suite import suite
from harness.sweep import Sweep

COLS = 1024
KERNELS = {name: Kernel("bad.cu", name) for name in ("wraps_signed", "wraps_unsigned", "is_right")}


def verdict_of(name):
    device = current()
    if not device.vgpu:
        pytest.skip("it takes the vgpu to run a few blocks of a launch")

    def fused(x):
        out = torch.empty_like(x)
        KERNELS[name](out, x, len(x), COLS, grid=len(x), block=COLS)
        return out

    @suite(fused=fused, reference=lambda x: x * 1.0, sweep=Sweep(batch=1), far=Sweep(batch=(1 << 22) + 3, dtype="fp32"))
    def copies(case):
        return case.randn(case.batch, COLS)

    return check(copies, Case("copies", dict(next(iter(copies.far))), 0, "far"), device)


def verdict_of_a_buffer(name):
    """The same kernels, which here write into a buffer that they are given."""
    device = current()
    if not device.vgpu:
        pytest.skip("it takes the vgpu to run a few blocks of a launch")

    def fused(buffer, x):
        KERNELS[name](buffer, x, len(x), COLS, grid=len(x), block=COLS)
        return buffer

    @suite(fused=fused, reference=lambda buffer, x: x * 1.0, sweep=Sweep(batch=1), writes=("buffer",))
    def copies(case):
        return case.randn(case.batch, COLS), case.randn(case.batch, COLS)

    return check(copies, Case("copies", {"dtype": "fp32", "batch": (1 << 22) + 3}, 0, "far"), device)


def test_a_right_kernel_passes():
    assert verdict_of("is_right").passed


def test_a_right_kernel_may_write_into_a_buffer_that_it_is_given():
    assert verdict_of_a_buffer("is_right").passed


def test_an_index_that_comes_back_at_the_beginning_of_a_given_buffer_shows():
    verdict = verdict_of_a_buffer("wraps_unsigned")
    assert "of the last 256 of 4194307 rows" in verdict.reason
    assert verdict.first.index[0] == 255


def test_an_index_that_becomes_negative_is_a_fault():
    reason = verdict_of("wraps_signed").reason
    assert "bytes before argument" in reason
    assert "bad.cu:" in reason


def test_an_index_that_comes_back_at_the_beginning_leaves_the_last_row_unwritten():
    assert (
        "the last 256 blocks do not write output[4194306], of shape [4194307, 1024]"
        in verdict_of("wraps_unsigned").reason
    )


def test_a_repeated_tensor_holds_its_period_over_and_over():
    period = torch.arange(sparse.PERIOD // 4, dtype=torch.int32)
    huge = sparse.repeated(period, (5, sparse.PERIOD // 4 - 1))
    assert torch.equal(huge[0], period[:-1])
    assert torch.equal(huge.view(-1)[len(period) : 2 * len(period)], period)


def test_pages_of_its_own_keep_what_is_written_and_the_others_their_poison():
    with sparse.SparseEmpties():
        huge = torch.empty(1 << 16, 1 << 16, dtype=torch.float16)
        small = torch.empty(4, dtype=torch.float16)
    huge[-1, -1] = 3
    assert huge[-1, -1] == 3
    assert unwritten(huge[-1, :-1]).all()
    assert unwritten(huge[7]).all()
    assert unwritten(small).all()


def test_what_lies_2_to_the_32_further_is_something_else():
    period = torch.randint(0, 1 << 15, (sparse.PERIOD // 2,), dtype=torch.int16)
    huge = sparse.repeated(period, ((1 << 32) + 4096,))
    assert not torch.equal(huge[-4096:], huge[:4096])
