"""The lines that cost most: order, text, and what inlined lines are attributed to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.counted.lines import costly_lines
from harness.vgpu import toolkit
from harness.vgpu.counters.record import LineCounters
from harness.vgpu.ptx.program import SourceLine
from tests.counted import conftest

SOURCE = Path(conftest.__file__).with_name("kernels.cu")


def of_lines(both, *lines):
    """The costly lines of a kernel with these."""
    kernel = both.kernels[0]
    return costly_lines(replace(kernel, counters=replace(kernel.counters, lines=lines)))


def test_the_costliest_line_is_the_one_with_the_conflicts(both):
    first, second, *_ = costly_lines(both.kernels[1])
    assert first.text.endswith("// conflicts")  # 32 clocks a warp
    assert second.text.endswith("// uncoalesced")  # 16
    assert first.where == "kernels.cu:16"
    assert (first.counters.wavefronts, first.counters.ideal_wavefronts) == (4 * 32 * 32, 4 * 32)
    assert (second.counters.sectors, second.counters.ideal_sectors) == (4 * 32 * 32, 4 * 32 * 4)


def test_shares_add_up(both):
    assert sum(line.share for line in costly_lines(both.kernels[1])) == pytest.approx(1)


def test_a_helper_s_line_stands_with_the_line_that_calls_it(both):
    caller = SourceLine(str(SOURCE), 3)
    helper = SourceLine("/somewhere/vector.cuh", 7, SourceLine("/somewhere/vector.cuh", 90, caller))
    (line,) = of_lines(both, LineCounters(helper, instructions=4))
    assert line.where == "vector.cuh:7 in kernels.cu:3"
    assert line.text == "__global__ void doubled(float* out, const float* in, int n)"


def test_the_same_helper_at_two_places_is_two_lines(both):
    places = [SourceLine("/somewhere/vector.cuh", 7, SourceLine(str(SOURCE), line)) for line in (3, 5)]
    found = of_lines(both, *(LineCounters(place, instructions=4) for place in places))
    assert [line.where for line in found] == ["vector.cuh:7 in kernels.cu:3", "vector.cuh:7 in kernels.cu:5"]


def test_lines_of_cuda_s_own_headers_count_for_their_caller(both):
    header = Path(toolkit.find("nvcc")).resolve().parents[1] / "include" / "cuda_fp16.hpp"
    own = SourceLine(str(SOURCE), 7)
    found = of_lines(
        both, LineCounters(SourceLine(str(header), 900, own), instructions=3), LineCounters(own, instructions=1)
    )
    assert [(line.where, line.counters.instructions) for line in found] == [("kernels.cu:7", 4)]


def test_instructions_without_a_line_are_shown_as_such(both):
    (line,) = of_lines(both, LineCounters(None, instructions=1))
    assert (line.where, line.text) == ("no line", "")


def test_a_file_that_is_gone_has_no_text(both):
    (line,) = of_lines(both, LineCounters(SourceLine("/gone.cu", 1), instructions=1))
    assert (line.where, line.text) == ("gone.cu:1", "")
