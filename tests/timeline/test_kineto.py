"""Reading torch.profiler's traces: times, calls, ranges, of every version."""

import gzip
import json

import pytest

from harness.errors import FuseproofError
from harness.timeline import kineto
from tests.timeline.traces import annotation, call, copy, event, kernel, read, text, trace


def only(frame):
    (row,) = frame.to_dict("records")
    return row


def test_a_kernel_has_its_place_its_shape_and_its_times():
    found = only(
        trace(
            call(10, 1),
            kernel(20.5, 1, dur=5.25, context=3, grid=[4, 5, 6], block=[128, 2, 1], **{"registers per thread": 30, "shared memory": 512}),
        ).operations
    )  # fmt: skip
    assert (found["kind"], found["name"], found["start"], found["end"]) == ("kernel", "k", 20_500, 25_750)
    assert (found["device"], found["stream"], found["context"], found["process"]) == (0, 7, 3, 1)
    assert [found[f"grid_{axis}"] for axis in "xyz"] + [found[f"block_{axis}"] for axis in "xyz"] == [
        4,
        5,
        6,
        128,
        2,
        1,
    ]
    assert (found["registers"], found["shared_bytes"], found["correlation"]) == (30, 512, 1)


def test_copies_and_memsets_are_operations_too():
    found = trace(copy(5, 1), event("gpu_memset", "Memset (Device)", 9, 1, correlation=2, bytes=64)).operations
    assert found["kind"].tolist() == ["memcpy", "memset"]
    assert found["bytes"].tolist() == [-1, 64]


def test_calls_of_the_runtime_and_the_driver_are_told_apart():
    found = trace(call(1, 1), event("cuda_driver", "cuLaunchKernel", 4, 2, correlation=4)).calls
    assert found[["name", "api"]].to_numpy().tolist() == [["cudaLaunchKernel", "runtime"], ["cuLaunchKernel", "driver"]]


def test_annotations_are_ranges_of_their_thread():
    found = only(trace(annotation("work", 10, 100, tid=5, pid=9)).ranges)
    assert (found["name"], found["start"], found["end"], found["kind"]) == ("work", 10_000, 110_000, "annotation")
    assert (found["process"], found["thread"], found["end_thread"]) == (9, 5, 5)


def test_a_synchronisation_belongs_to_the_thread_of_its_call():
    sync = event("cuda_sync", "Stream Sync", 3, 4, tid=7, pid=0, stream=7, device=0, correlation=8)
    found = only(trace(call(2, 8, name="cudaStreamSynchronize", tid=33, pid=44), sync).syncs)
    assert (found["kind"], found["thread"], found["process"], found["stream"]) == ("Stream Sync", 33, 44, 7)


def test_overhead_of_the_profiler_is_kept():
    assert only(trace(event("overhead", "Buffer Flush", 3, 4)).overheads)["end"] == 7_000


def test_nodes_of_a_graph_have_graph_and_node():
    found = trace(kernel(1, 1, **{"graph id": 5, "graph node id": 9}), kernel(9, 2)).operations
    assert found["graph"].tolist() == [5, -1]
    assert found["graph_node"].tolist() == [9, -1]


def test_the_categories_of_2021_are_known():
    found = trace(
        event("Runtime", "cudaLaunchKernel", 1, 1, tid="17", pid="4", correlation=1),
        event("Kernel", "k", 5, 1, tid="stream 7", pid=0, correlation=1, stream=7, device=0, **{"external id": 2}),
        event("Memcpy", "Memcpy HtoD", 7, 1, tid="stream 7", pid=0, correlation=2, stream=7, device=0),
        event("Memset", "Memset", 9, 1, tid="stream 7", pid=0, correlation=3, stream=7, device=0),
        event("Operator", "aten::add", 0, 9),
    )
    assert found.operations["kind"].tolist() == ["kernel", "memcpy", "memset"]
    assert found.operations["process"].tolist() == [4, 4, 4]
    assert found.calls["thread"].tolist() == [17]


def test_device_and_stream_may_be_said_by_pid_and_tid_only():
    found = only(trace(event("kernel", "k", 5, 1, tid=20, pid=3, correlation=1)).operations)
    assert (found["device"], found["stream"]) == (3, 20)


STAMPS = {
    "1712195495505582.988": 1_712_195_495_505_582_988,
    "1712195495519689": 1_712_195_495_519_689_000,
    "1712195495519689.0": 1_712_195_495_519_689_000,
    "1.712195495505582988e15": 1_712_195_495_505_582_988,
    '"1712195495505582.988"': 1_712_195_495_505_582_988,
    "2413669097444.592": 2_413_669_097_444_592,
    "0.0019": 1,
    "-3.5": -3_500,
}


@pytest.mark.parametrize("stamp", STAMPS)
def test_time_stamps_keep_every_nanosecond(stamp):
    content = text(kernel("@", 1)).replace('"@"', stamp)
    assert only(read(content).operations)["start"] == STAMPS[stamp]


def test_relative_stamps_get_their_base():
    found = trace(kernel(2413669097444.592, 1), baseTimeNanoseconds=1727743122000000000)
    assert only(found.operations)["start"] == 1_727_743_122_000_000_000 + 2_413_669_097_444_592
    assert found.source.clock == "unix"


def test_absolute_stamps_are_unix_time_and_small_ones_are_the_traces_own():
    assert trace(kernel(1712195495505582, 1)).source.clock == "unix"
    assert trace(kernel(10, 1)).source.clock == "trace"


def test_devices_are_known_by_name():
    found = trace(kernel(1, 1), deviceProperties=[{"id": 0, "name": "NVIDIA H100"}, {"id": 1, "name": "NVIDIA A100"}])
    assert found.source.devices == {0: "NVIDIA H100", 1: "NVIDIA A100"}


def test_devices_of_the_first_traces_are_known_by_name():
    found = trace(kernel(1, 1), computeProperties=[{"id": 0, "name": "Tesla V100-DGXS-32GB"}])
    assert found.source.devices == {0: "Tesla V100-DGXS-32GB"}


def test_a_trace_of_the_host_alone_says_how_to_record_the_gpu():
    (finding,) = trace(event("cpu_op", "aten::mm", 1, 1), annotation("step", 0, 5)).findings
    assert (finding.name, "ProfilerActivity.CUDA" in finding.sentence) == ("no operations", True)


def test_the_recorded_window_is_known():
    assert trace(kernel(1, 1), event("Trace", "PyTorch Profiler (0)", 5, 10, pid="Spans")).source.window == (
        5_000,
        15_000,
    )


def test_one_process_owns_all_operations_and_of_several_the_one_with_the_call():
    assert trace(call(1, 1, pid=8), kernel(5, 1), kernel(9, 99)).operations["process"].tolist() == [8, 8]
    found = trace(call(1, 1, pid=8), call(1, 2, pid=9), kernel(5, 1), kernel(9, 2))
    assert found.operations["process"].tolist() == [8, 9]


def test_an_operation_that_two_processes_may_own_is_nobodys():
    found = trace(call(1, 1, pid=8), call(1, 1, pid=9), kernel(5, 1))
    assert found.operations["process"].tolist() == [-1]
    assert [(finding.name, finding.count) for finding in found.findings] == [("unclear process", 1)]


def test_flows_operators_and_markers_are_passed_over():
    flow = {"ph": "s", "id": 1, "pid": 1, "tid": 1, "ts": 1, "cat": "ac2g", "name": "ac2g"}
    marker = {"name": "Iteration Start", "ph": "i", "s": "g", "pid": "Traces", "tid": "Trace", "ts": 1}
    found = trace(
        flow, {**flow, "ph": "f", "cat": "async_gpu"}, marker, event("cpu_op", "aten::mm", 1, 1), kernel(1, 1)
    )
    assert (len(found.operations), len(found.calls), len(found.ranges)) == (1, 0, 0)


def test_names_are_read_with_their_escapes():
    name = 'f<"ü\t\\">'
    found = trace(kernel(1, 1, name=name), kernel(2, 2, name=name), annotation("\ud800", 1, 1))
    assert found.operations["name"].tolist() == [name, name]
    assert found.ranges["name"].tolist() == ["?"]


def test_what_kineto_writes_although_json_forbids_it_is_read():
    content = (
        text(kernel(1, 1))
        .replace('"correlation": 1', '"x": inf, "y": -nan, "z": NaN, "correlation": 1')
        .replace("}]", "},]")
    )
    assert only(read(content).operations)["correlation"] == 1


def test_gzip_is_known_by_its_content(tmp_path):
    path = tmp_path / "trace.bin"
    path.write_bytes(gzip.compress(text(kernel(1, 1)).encode()) + gzip.compress(b"\n", mtime=0))
    assert len(kineto.load(path).operations) == 1


def test_a_list_of_events_is_a_trace_too():
    assert len(read(json.dumps([kernel(1, 1)])).operations) == 1


def test_an_event_without_a_readable_time_is_left_out_and_counted():
    found = trace(kernel("soon", 1), kernel(1e30, 2), kernel(1, 3), {"ph": "X", "cat": "kernel", "name": "k"})
    assert found.operations["correlation"].tolist() == [3]
    assert [(finding.name, finding.count) for finding in found.findings] == [("unreadable times", 3)]


def test_a_trace_of_unreadable_times_only_is_a_trace():
    (finding,) = read('{"traceEvents": [{"ph": "X", "cat": "kernel", "name": "k", "ts": NaN}]}').findings
    assert finding.name == "unreadable times"


def test_a_truncated_file_gives_what_could_be_read_and_says_how_much():
    content = text(kernel(1, 1), kernel(5, 2), kernel(9, 3))
    found = read(content[:-30])
    assert len(found.operations) == 2
    (finding,) = found.findings
    assert finding.name == "truncated"
    assert finding.sentence.startswith("the file breaks off: 2 events in ")


def test_a_truncated_gzip_file_is_truncated(tmp_path):
    path = tmp_path / "trace.json.gz"
    events = [kernel(i, i, name=f"kernel {i * 7919}") for i in range(2_000)]
    path.write_bytes(gzip.compress(text(*events).encode())[:-2_000])
    found = kineto.load(path)
    assert 0 < len(found.operations) < 2_000
    assert [finding.name for finding in found.findings] == ["truncated"]


def test_events_longer_than_a_block_of_the_reader_are_read(monkeypatch):
    monkeypatch.setattr("harness.timeline.trace_events._COMPRESSED", 10)
    monkeypatch.setattr("harness.timeline.trace_events._BLOCK", 7)
    assert len(trace(*(kernel(i, i) for i in range(20))).operations) == 20


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "trace.json is empty: there is no trace in it"),
        ("   \n", "trace.json is empty: there is no trace in it"),
        ("hello", "trace.json is no trace: it is no JSON"),
        (b"\x7fELF\x00\x00", "trace.json is no trace: it is no JSON"),
        ('{"results": [1, 2]}', "trace.json is JSON without traceEvents: no trace of torch.profiler"),
        ('{"traceEvents": {}}', "traceEvents is no list"),
        ('{"traceEvents": [{"ph": "X", "cat": "sql", "ts": 1}]}', "none of its 1 events is one that Kineto writes"),
        ('{"traceEvents": [{"ph" "X"}]}', "trace.json is damaged at byte 23, behind 0 events: a colon is missing"),
        ('{"traceEvents": [{"ph": X}]}', "a value is neither number, text, list nor object"),
        ('{"traceEvents": [5]}', "an event is no object"),
        ('{"traceEvents": []} {}', "there is text behind its end"),
        ('{"traceEvents": [{"a": ' + "[" * 500, "values are nested too deep"),
        (b"\x1f\x8b nothing", "it cannot be decompressed"),
        (gzip.compress(b"{}", mtime=0)[:10], "trace.json breaks off before its first event: export it again"),
    ],
)  # fmt: skip
def test_what_is_no_trace_is_one_sentence(content, sentence):
    with pytest.raises(FuseproofError) as raised:
        read(content)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(FuseproofError, match="cannot be read: No such file or directory"):
        kineto.load(tmp_path / "nothing.json")
