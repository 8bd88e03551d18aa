"""Schedules of the virtual clock, worked out by hand: every call takes 50 ns, a launch reaches the device 100 ns later."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu import clock as virtual
from harness.vgpu import gpus, hosts
from harness.vgpu.activity import Operation
from harness.vgpu.clock import Clock
from harness.vgpu.graph import Graph, Node, recorded

ONE = {"grid": (1, 1, 1), "block": (32, 1, 1)}
GPU = replace(
    gpus.load("T4"),
    launch_latency_ns=100,
    back_to_back_ns=10,
    graph_node_ns=5,
    graph_launch_node_ns=2,
    copy_latency_ns=20,
    link_bandwidth=1e9,
    link_efficiency=1.0,
    dram_bandwidth=4e9,
    dram_efficiency=1.0,
)
HOST = replace(hosts.load(), call_ns={"default": 50}, python_ns={}, synchronize_ns=30, pageable_bandwidth=0.5e9)


@pytest.fixture
def clock():
    return Clock(GPU, HOST)


def kernel(duration, name="k"):
    return Operation("kernel", name, duration, (1, 1, 1), (32, 1, 1))


def graph_of(*nodes, number=1):
    """From (duration, places that it waits for)."""
    made = [Node.at(place, kernel(duration), after) for place, (duration, after) in enumerate(nodes)]
    return Graph(number, tuple(made))


def times(activities):
    return [(activity.start, activity.end) for activity in activities]


def test_short_kernels_wait_for_the_host(clock):
    for _ in range(3):
        clock.launch(0, "k", 30, **ONE)
    assert times(clock.activities) == [(150, 180), (200, 230), (250, 280)]


def test_long_kernels_wait_for_each_other_and_the_host_is_done_early(clock):
    for _ in range(3):
        clock.launch(0, "k", 500, **ONE)
    assert times(clock.activities) == [(150, 650), (660, 1160), (1170, 1670)]
    assert clock.host_ns == 150
    clock.synchronize()
    assert clock.host_ns == 1700


def test_a_stream_waits_for_an_event_of_another_and_goes_on_beside_it(clock):
    first = clock.launch(1, "a", 500, **ONE)
    clock.wait(2, clock.record(1))
    second = clock.launch(2, "b", 100, **ONE)
    third = clock.launch(1, "c", 100, **ONE)
    assert times([first, second, third]) == [(150, 650), (660, 760), (660, 760)]
    assert (second.after, third.after) == ((0,), (0,))


def test_a_stream_that_waited_for_an_event_waits_for_its_own_operations_too(clock):
    clock.launch(1, "a", 100, **ONE)
    clock.launch(2, "b", 900, **ONE)
    clock.wait(2, clock.record(1))
    last = clock.launch(2, "c", 10, **ONE)
    assert (last.start, last.after) == (1110, (0, 1))


def test_an_operation_of_the_default_stream_is_after_those_of_every_blocking_stream(clock):
    clock.stream(3, blocking=False)
    for stream in (1, 2, 3):
        clock.launch(stream, "k", 400, **ONE)
    assert clock.launch(0, "k", 10, **ONE).after == (0, 1)


def test_a_graph_with_parallel_branches_is_one_submission(clock):
    made = clock.launch_graph(1, graph_of((100, ()), (200, (0,)), (50, (0,)), (10, (1, 2))))
    assert clock.host_ns == 58  # the call, and 2 ns a node
    assert times(made) == [(158, 258), (263, 463), (263, 313), (468, 478)]
    assert len({node.correlation for node in made}) == len(clock.calls) == 1
    assert [(node.graph, node.node) for node in made] == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_what_follows_a_graph_in_its_stream_waits_for_every_node(clock):
    clock.launch_graph(1, graph_of((100, ()), (600, ()), (50, (0,))))
    follower = clock.launch(1, "k", 10, **ONE)
    assert (follower.start, follower.after) == (766, (1, 2))


def test_a_graph_waits_for_what_is_in_its_stream_before(clock):
    clock.launch(1, "k", 500, **ONE)
    made = clock.launch_graph(1, graph_of((100, ()), (100, ())))
    assert [(node.start, node.after) for node in made] == [(660, (0,)), (660, (0,))]


def test_launches_of_one_graph_follow_each_other_on_different_streams(clock):
    one, other = graph_of((500, ())), graph_of((500, ()), number=2)
    launched = [clock.launch_graph(stream, graph) for stream, graph in ((1, one), (2, one), (3, other))]
    assert [made[0].start for made in launched] == [152, 662, 256]


def test_a_graph_without_nodes_is_a_submission_that_runs_nothing(clock):
    assert clock.launch_graph(1, Graph(1, ())) == []
    assert clock.launch(1, "k", 10, **ONE).start == 200
    assert len(clock.activities) == 1


def test_copies_in_a_graph_share_the_engine_of_their_direction(clock):
    copy = clock.transfer("H2D", 100)
    made = clock.launch_graph(1, Graph(1, (Node(copy), Node(copy), Node(clock.transfer("D2H", 100)))))
    assert times(made) == [(156, 276), (276, 396), (156, 276)]


def test_a_node_waits_for_earlier_nodes_only():
    with pytest.raises(ValueError, match=r"node 1, k, cannot wait for nodes \(1,\)"):
        Node.at(1, kernel(10), (1,))


def test_a_full_launch_queue_holds_the_host_until_a_submission_starts(clock, monkeypatch):
    monkeypatch.setattr(virtual, "LAUNCH_QUEUE", 2)
    for _ in range(5):
        clock.launch(0, "k", 1000, **ONE)
    assert [activity.start for activity in clock.activities] == [150, 1160, 2170, 3180, 4190]
    assert [call.end for call in clock.calls] == [50, 100, 150, 1160, 2170]


def test_each_stream_has_a_launch_queue_of_its_own(clock, monkeypatch):
    monkeypatch.setattr(virtual, "LAUNCH_QUEUE", 2)
    for stream in (1, 1, 2, 2, 3, 3):
        clock.launch(stream, "k", 1000, **ONE)
    assert clock.host_ns == 300


def test_a_graph_takes_one_place_of_the_launch_queue(clock, monkeypatch):
    monkeypatch.setattr(virtual, "LAUNCH_QUEUE", 2)
    for _ in range(2):
        clock.launch_graph(1, graph_of((1000, ()), (1000, (0,)), (1000, (1,))))
    assert clock.host_ns == 112


def test_the_host_runs_1024_launches_ahead_and_no_more(clock):
    for _ in range(virtual.LAUNCH_QUEUE):
        clock.launch(0, "k", 10_000, **ONE)
    assert clock.host_ns == 50 * virtual.LAUNCH_QUEUE
    for _ in range(100):
        clock.launch(0, "k", 10_000, **ONE)
    pending = [activity for activity in clock.activities if activity.start > clock.host_ns]
    assert len(pending) == virtual.LAUNCH_QUEUE
    assert clock.host_ns > 900_000


@pytest.mark.parametrize(
    ("direction", "nbytes", "call", "pinned", "returned", "duration"),
    [
        ("H2D", 1000, "cuMemcpyHtoDAsync_v2", True, 50, 1020),
        ("H2D", 1000, "cuMemcpyHtoD_v2", True, 1200, 1020),
        ("H2D", 1000, "cuMemcpyHtoD_v2", False, 2050, 2020),  # staged by the host, nothing waited for
        ("H2D", 65536, "cuMemcpyHtoDAsync_v2", False, 131_122, 131_092),
        ("H2D", 65537, "cuMemcpyHtoDAsync_v2", False, 131_274, 131_094),  # waits
        ("D2H", 1000, "cuMemcpyDtoHAsync_v2", True, 50, 1020),
        ("D2H", 1000, "cuMemcpyDtoHAsync_v2", False, 2200, 2020),
        ("D2D", 1000, "cuMemcpyDtoD_v2", True, 50, 520),
    ],
)
def test_what_a_copy_holds_the_host_for(clock, direction, nbytes, call, pinned, returned, duration):
    copy = clock.copy(0, direction, nbytes, call=call, pinned=pinned)
    assert (clock.host_ns, copy.duration) == (returned, duration)
    assert clock.calls[-1].end == returned


def test_what_was_launched_one_by_one_becomes_a_graph_with_the_same_dependencies(clock):
    clock.launch(1, "before", 10, **ONE)
    first = len(clock.activities)
    clock.launch(1, "a", 100, **ONE)
    clock.wait(2, clock.record(1))
    clock.launch(2, "b", 200, **ONE)
    clock.launch(1, "c", 50, **ONE)
    clock.wait(1, clock.record(2))
    clock.launch(1, "d", 10, **ONE)
    graph = recorded(clock.graph_number(), clock.activities, first)
    assert [(node.operation.name, node.after) for node in graph.nodes] == [
        ("a", ()),
        ("b", (0,)),
        ("c", (0,)),
        ("d", (1, 2)),
    ]
    assert graph.last == (3,)


STEPS = st.lists(st.tuples(st.sampled_from(["launch", "event", "copy"]), st.integers(0, 3), st.integers(0, 400)))


@given(STEPS)
def test_a_graph_of_what_was_launched_keeps_its_order_and_is_done_no_later_after_its_start(steps):
    eager = Clock(GPU, HOST)
    for what, stream, amount in steps:
        if what == "launch":
            eager.launch(stream, "k", amount, **ONE)
        elif what == "copy":
            eager.copy(stream, "D2H", amount)
        else:
            eager.wait((stream + 1) % 4, eager.record(stream))
    played = Clock(GPU, HOST)
    made = played.launch_graph(1, recorded(1, eager.activities, 0))
    assert [node.name for node in made] == [activity.name for activity in eager.activities]
    for node in made:
        assert all(made[place].end < node.start for place in node.after)
    if made:
        length, before = (max(a.end for a in each) - min(a.start for a in each) for each in (made, eager.activities))
        assert length <= before
