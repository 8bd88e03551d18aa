"""The figures of one range."""

from harness.timeline.operation import Operation, from_activities
from harness.timeline.summary import kernel_shares, launched_by, summarise, total_dram_bytes
from harness.vgpu.activity import Activity
from harness.vgpu.counters.record import Counters


def kernel(name, start, end, correlation, dram_bytes=0):
    return Operation("kernel", name, start, end, 0, start, correlation, dram_bytes)


def profile(operations, **figures):
    given = {"host_ns": 1_000, "wall_ns": 9_000, "dram_bytes": None} | figures
    return summarise("range", "modelled", operations, **given)


def test_kernels_copies_and_memsets_are_counted_apart():
    found = profile(
        [kernel("a", 0, 10, 1), Operation("memcpy", "m", 20, 30, 0, 0, 2), Operation("memset", "s", 40, 50, 0, 0, 3)]
    )
    assert (found.launches, found.copies, found.memsets) == (1, 1, 1)


def test_busy_and_idle_fill_the_window_of_the_operations():
    found = profile([kernel("a", 2_000, 5_000, 1), kernel("b", 6_000, 9_000, 2)])
    assert (found.busy_us, found.idle_us, found.gaps, found.largest_gap_us) == (6.0, 1.0, 1, 1.0)
    assert (found.host_us, found.wall_us) == (1.0, 9.0)


def test_a_graph_launch_is_one_submission_of_many_kernels():
    found = profile([kernel("a", 0, 1, 7), kernel("b", 2, 3, 7), kernel("c", 4, 5, 8)])
    assert (found.launches, found.submissions) == (3, 2)


def test_a_range_that_launched_nothing_has_zeros():
    found = profile([])
    assert (found.launches, found.busy_us, found.idle_us, found.gaps, found.largest_gap_us) == (0, 0, 0, 0, 0)


def test_shares_are_by_name_the_longest_first():
    shares = kernel_shares([kernel("a", 0, 1_000, 1), kernel("b", 0, 5_000, 2), kernel("a", 0, 2_000, 3)])
    assert [(share.name, share.launches, share.total_us) for share in shares] == [("b", 1, 5.0), ("a", 2, 3.0)]


def test_only_what_a_call_of_the_range_submitted_belongs_to_it():
    inside, outside = kernel("a", 0, 1, 1), kernel("b", 2, 3, 2)
    assert launched_by([inside, outside], [1]) == [inside]


def test_one_kernel_of_unknown_traffic_makes_the_sum_unknown():
    assert total_dram_bytes([kernel("a", 0, 1, 1, 100), kernel("b", 0, 1, 2, 20)]) == 120
    assert total_dram_bytes([kernel("a", 0, 1, 1, 100), kernel("b", 0, 1, 2, None)]) is None


def test_counted_bytes_win_over_bytes_by_rule():
    counted = Activity("kernel", "k", 0, 1, 0, 0, 1, counters=Counters(dram_read_bytes=7), bytes=99)
    by_rule = Activity("kernel", "k", 0, 1, 0, 0, 2, bytes=99)
    assert [op.dram_bytes for op in from_activities([counted, by_rule])] == [7, 99]
