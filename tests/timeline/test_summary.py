"""The record of one range."""

import numpy as np

from harness.timeline.schema import Source, timeline
from harness.timeline.summary import launched_by, summarise, total_dram_bytes


def of(*rows):
    """A timeline of operations: kind, name, start, end, correlation, bytes."""
    kind, name, start, end, correlation, nbytes = zip(*rows, strict=True) if rows else [()] * 6
    columns = {"kind": kind, "name": name, "start": start, "end": end, "correlation": correlation, "bytes": nbytes}
    return timeline(
        Source("vgpu", "", "modelled", "virtual"),
        operations={k: list(v) for k, v in columns.items()} | {"process": 1},
        calls={"correlation": sorted(set(correlation)), "process": 1},
    )


def kernel(name, start, end, correlation, nbytes=0):
    return ("kernel", name, start, end, correlation, nbytes)


def profile(*rows, **figures):
    given = {"host_ns": 1_000, "wall_ns": 9_000, "dram_bytes": None} | figures
    return summarise("range", "modelled", of(*rows), np.arange(len(rows)), **given)


def test_kernels_copies_and_memsets_are_counted_apart():
    found = profile(kernel("a", 0, 10, 1), ("memcpy", "m", 20, 30, 2, -1), ("memset", "s", 40, 50, 3, -1))
    assert (found.launches, found.copies, found.memsets) == (1, 1, 1)


def test_busy_and_idle_fill_the_window_of_the_operations():
    found = profile(kernel("a", 2_000, 5_000, 1), kernel("b", 6_000, 9_000, 2))
    assert (found.busy_us, found.idle_us, found.gaps, found.largest_gap_us) == (6.0, 1.0, 1, 1.0)
    assert (found.host_us, found.wall_us) == (1.0, 9.0)


def test_a_graph_launch_is_one_submission_of_many_kernels():
    found = profile(kernel("a", 0, 1, 7), kernel("b", 2, 3, 7), kernel("c", 4, 5, 8))
    assert (found.launches, found.submissions) == (3, 2)


def test_a_range_that_launched_nothing_has_zeros():
    found = profile()
    assert (found.launches, found.busy_us, found.idle_us, found.gaps, found.largest_gap_us) == (0, 0, 0, 0, 0)


def test_shares_are_by_readable_name_the_longest_first():
    shares = profile(kernel("a", 0, 1_000, 1), kernel("_Z4softIfEvPf", 0, 5_000, 2), kernel("a", 0, 2_000, 3)).kernels
    assert [(share.name, share.launches, share.total_us) for share in shares] == [("soft", 1, 5.0), ("a", 2, 3.0)]


def test_only_what_a_call_of_the_range_submitted_belongs_to_it():
    assert launched_by(of(kernel("a", 0, 1, 1), kernel("b", 2, 3, 2)), np.array([1])).tolist() == [0]


def test_one_kernel_of_unknown_traffic_makes_the_sum_unknown():
    copy = ("memcpy", "m", 0, 1, 3, 5_000)
    assert total_dram_bytes(of(kernel("a", 0, 1, 1, 100), kernel("b", 0, 1, 2, 20), copy), np.arange(3)) == 120
    assert total_dram_bytes(of(kernel("a", 0, 1, 1, 100), kernel("b", 0, 1, 2, -1)), np.arange(2)) is None


def test_a_record_holds_plain_numbers():
    found = profile(kernel("a", 0, 10, 1))
    assert {type(value) for value in (found.launches, found.submissions, found.gaps, found.kernels[0].launches)} == {
        int
    }
    assert type(found.kernels[0].name) is str
