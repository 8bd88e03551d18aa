"""Instructions, lanes, branches, the longest warp, local memory and tensor flops: worked out by hand."""

from __future__ import annotations

import pytest

from tests.vgpu.counters.conftest import line_of, mode, words


def at(counters, text):
    """The figures of the line that holds this text."""
    (found,) = [line for line in counters.lines if line.source and line.source.outermost.line == line_of(text)]
    return found


def test_all_lanes_of_full_warps_are_active(count):
    c = count("copy_strided", words(256), words(256), 1, 0, block=(256,))
    assert c.active_lanes == 32
    assert c.thread_instructions == {kind: 32 * number for kind, number in c.instructions.items()}


def test_lanes_without_a_thread_are_not_active(count):
    c = count("copy_strided", words(40), words(40), 1, 0, block=(40,))
    assert c.active_lanes == (32 + 8) / 2


@pytest.mark.parametrize("lanes", [1, 8, 31, 32])
def test_behind_a_branch_only_the_lanes_that_took_it_are_active(count, lanes):
    c = count("diverge", words(512), lanes, block=(256,))
    root = at(c, "value = sqrtf(value) + 1.0f;")
    assert root.instructions == 8 * (1 + 1)  # of each warp: sqrt.rn, add
    assert root.thread_instructions == root.instructions * lanes
    assert c.store_requests == 8 * 2
    assert c.sectors_written == 8 * (4 + -(-lanes // 8))  # eight lanes to a sector


@pytest.mark.parametrize(("lanes", "divergent"), [(0, 0), (1, 8), (31, 8), (32, 0)])
def test_a_branch_that_all_lanes_take_together_does_not_diverge(count, lanes, divergent):
    c = count("diverge", words(512), lanes, block=(256,))
    line = at(c, "if (threadIdx.x % 32 < lanes)")
    assert (line.branches, line.divergent_branches) == (c.branches, c.divergent_branches) == (8, divergent)


def test_a_branch_that_nobody_takes_costs_nothing(count):
    c = count("diverge", words(512), 0, block=(256,))
    assert line_of("value = sqrtf(value) + 1.0f;") not in {line.source.line for line in c.lines if line.source}


def test_every_instruction_has_its_line(count):
    c = count("diverge", words(512), 8, block=(256,))
    assert sum(line.instructions for line in c.lines) == c.warp_instructions
    assert sum(line.thread_instructions for line in c.lines) == sum(c.thread_instructions.values())
    assert sum(line.sectors for line in c.lines) == c.sectors


def test_traffic_stands_at_the_line_that_causes_it(count):
    c = count("transpose_tile_32", words(64 * 64), words(64 * 64), 64, grid=(2, 2), block=(32, 32))
    inner = {line.source.line: line for line in c.lines if line.source}
    read = inner[line_of("tile[threadIdx.y][threadIdx.x] = in[y * n + x];")]
    written = inner[line_of("out[(blockIdx.x * 32 + threadIdx.y) * n")]
    assert (read.requests, read.sectors, read.shared_requests, read.wavefronts) == (128, 512, 128, 128)
    assert (written.requests, written.sectors, written.shared_requests, written.wavefronts) == (128, 512, 128, 4096)
    assert written.ideal_wavefronts == 128
    assert written.source.outermost.line == line_of("KERNEL transpose_tile_32")


def test_lines_are_left_out_where_nobody_asks(count):
    assert count("diverge", words(512), 8, block=(256,), mode=mode(by_line=False)).lines == ()


def test_the_longest_warp_is_the_critical_path(count):
    c = count("unequal_warps", words(64), words(64 * 9), 9, block=(64,))
    short = count("unequal_warps", words(64), words(64 * 9), 1, block=(64,))
    assert c.longest.load_requests == c.longest.load_rounds == 9
    assert short.longest.load_requests == 1
    assert (c.longest.shared_requests, c.longest.barriers) == (2, 1)
    assert c.barriers == 2
    assert short.warp_instructions == 2 * short.longest.instructions  # both warps do the same
    # what the second warp does more is in the longest only
    assert c.longest.instructions - short.longest.instructions == c.warp_instructions - short.warp_instructions


def test_loads_that_need_each_other_take_a_round_each(count):
    arrays = [words(32, "int32") for _ in range(4)]
    assert count("chase", *arrays, block=(32,)).longest.load_rounds == 3
    assert count("beside", *arrays, block=(32,)).longest.load_rounds == 1
    assert count("beside", *arrays, block=(32,)).longest.load_requests == 3


def test_an_array_with_an_index_is_local_memory(count):
    c = count("index_local", words(64), words(16, "int32"), 5, block=(64,))
    assert (c.local_store_requests, c.local_load_requests) == (2 * 5, 2)
    # a word of each of 32 lanes, side by side
    assert (c.local_sectors_written, c.local_sectors_read) == (4 * 2 * 5, 4 * 2)
    assert at(c, "kept[order[i] & 15] = out[i];").local_sectors == 40


def test_tensor_flops_are_those_of_the_matrices(count):
    c = count("multiply", words(256), words(256, "float16"), words(256, "float16"), grid=(3,), block=(32,))
    assert c.instructions["tensor"] == 3 * 2
    assert c.tensor_flops == {"f16": 3 * 2 * 2 * 16 * 16 * 16}


ARRAYS = (words(64 * 64), words(64 * 64))


@pytest.mark.parametrize("changes", [{"workers": 2}, {"workers": 5}, {"reverse": True}, {"checked": False}])
def test_counters_do_not_depend_on_who_ran_what(count, changes):
    shape = {"grid": (2, 2), "block": (32, 32)}
    expected = count("transpose_tile_32", *ARRAYS, 64, **shape)
    assert count("transpose_tile_32", *ARRAYS, 64, **shape, mode=mode(**changes)) == expected
