"""Traces for Perfetto: what the format asks for, and what comes back when they are read again."""

import gzip
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pytest

from harness.errors import FuseproofError
from harness.timeline import kineto, nsys, perfetto
from harness.timeline.causes import Cause
from harness.timeline.figures import figures
from harness.timeline.schema import OPERATIONS, UNKNOWN, Source, timeline
from tests.timeline.nsys_exports import FIRST, SECOND, story

DATA = Path(__file__).parent / "data"
UNIX = 1_779_630_014_975_716_426
MEASURED = Source("nsys", "", "measured", "session")


def told(tmp_path):
    return nsys.load(story().write(tmp_path / "run.sqlite"))


def events_of(told, tmp_path, name="trace.json"):
    return document_of(told, tmp_path, name)["traceEvents"]


def document_of(told, tmp_path, name="trace.json"):
    path = tmp_path / name
    perfetto.write(told, path)
    document = json.loads(path.read_text(), parse_float=Decimal)
    check(document)
    return document


def nanoseconds(document, event):
    start = int(event["ts"] * 1000) + document["baseTimeNanoseconds"]
    return start, start + int(event.get("dur", 0) * 1000)


def check(document):
    """The rules of the trace event format, and ours: named tracks, boxes that nest, operations that stand apart."""
    events = document["traceEvents"]
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append((event, *nanoseconds(document, event)))
    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    processes = [event["pid"] for event in events if event["name"] == "process_name"]
    assert set(tracks) <= named
    assert {process for process, _ in tracks} <= set(processes)
    assert len(processes) == len(set(processes))
    for on_track in tracks.values():
        apart = any(event["cat"] in ("kernel", "gpu_memcpy", "gpu_memset", "gap") for event, *_ in on_track)
        _nest([times for _, *times in on_track], apart)
    _flows_meet(document, tracks)
    opened = [(event["id"], event["name"]) for event in events if event["ph"] == "b"]
    assert sorted(opened) == sorted((event["id"], event["name"]) for event in events if event["ph"] == "e")


def _nest(intervals, apart):
    ends = []
    for start, end in sorted(intervals, key=lambda times: (times[0], -times[1] if not apart else times[1])):
        while ends and ends[-1] <= start:
            ends.pop()
        assert not ends or (end <= ends[-1] and not apart)
        ends.append(end)


def _flows_meet(document, tracks):
    begins, ends = ({e["id"]: e for e in document["traceEvents"] if e["ph"] == phase} for phase in "sf")
    assert set(begins) == set(ends)
    for phase, flows in (("s", begins), ("f", ends)):
        starts = {(*where, start) for where, boxes in tracks.items() for _, start, _ in boxes}
        for flow in flows.values():
            assert (flow["pid"], flow["tid"], nanoseconds(document, flow)[0]) in starts, phase


def of(events, **wanted):
    return [event for event in events if all(event.get(key) == value for key, value in wanted.items())]


def track(events, title, process):
    (name,) = [e for e in of(events, name="thread_name", pid=process) if e["args"]["name"] == title]
    return [event for event in events if event["ph"] != "M" and (event["pid"], event["tid"]) == (process, name["tid"])]


def some(operations, calls=None, source=MEASURED, **frames):
    columns = ("name", "start", "end", "stream", "correlation")
    made = {name: [row[index] for row in operations] for index, name in enumerate(columns)}
    return timeline(
        source, operations={"kind": "kernel", "device": 0, "process": 5, "context": 1, **made}, calls=calls, **frames
    )


def test_calls_ranges_streams_and_gaps_have_tracks(tmp_path):
    events = events_of(told(tmp_path), tmp_path)
    assert [e["name"] for e in track(events, "pt_main_thread 111", FIRST) if e["ph"] == "X"] == [
        "cudaLaunchKernel", "cudaMemcpyAsync", "cudaMemsetAsync", "cudaStreamSynchronize",
    ]  # fmt: skip
    assert [e["name"] for e in track(events, "NVTX, thread 111", FIRST)] == ["step", "open", "mark"]
    assert [e["name"] for e in track(events, "NVTX fuseproof, thread 111", FIRST)] == ["layer"]
    assert [e["name"] for e in track(events, "NVTX other, thread 222", SECOND)] == ["step"]
    assert [e["name"] for e in track(events, "stream 8", 0) if e["ph"] == "X"] == ["norm"]
    names = {e["args"]["name"] for e in of(events, name="process_name")}
    assert names == {"python3", "host", "GPU 0: NVIDIA H100", "GPU 1: NVIDIA A100"}


def test_tracks_of_a_process_are_in_order(tmp_path):
    events = events_of(told(tmp_path), tmp_path)
    order = {(e["pid"], e["tid"]): e["args"]["sort_index"] for e in of(events, name="thread_sort_index")}
    titles = sorted(of(events, name="thread_name", pid=FIRST), key=lambda e: order[e["pid"], e["tid"]])
    assert [e["args"]["name"] for e in titles] == [
        "NVTX, thread 111", "NVTX fuseproof, thread 111", "pt_main_thread 111", "profiler, thread 111",
        "NVTX, thread 112", "thread 112",
    ]  # fmt: skip
    assert len(set(order.values())) == len(order)


def test_a_range_says_domain_category_payload_and_whether_it_was_closed(tmp_path):
    events = events_of(told(tmp_path), tmp_path)
    (layer,) = of(events, name="layer")
    assert layer["args"] == {"kind": "push/pop", "domain": "fuseproof", "category": "forward", "payload": "-3"}
    (opened,) = of(events, name="open")
    assert opened["args"]["end"] == "never closed"


def test_a_range_across_threads_is_an_asynchronous_event(tmp_path):
    events = events_of(told(tmp_path), tmp_path)
    begin, end = of(events, name="async")
    assert (begin["ph"], begin["tid"], begin["ts"]) == ("b", 111, Decimal("0.980"))
    assert (end["ph"], end["tid"], end["ts"]) == ("e", 112, Decimal("3.600"))


def test_gaps_are_coloured_by_cause_and_add_up_to_the_idle_time(tmp_path):
    timeline = told(tmp_path)
    document = document_of(timeline, tmp_path)
    gaps = track(document["traceEvents"], "gaps", 0)
    assert {e["name"] for e in gaps} <= {cause.value for cause in Cause}
    assert len({(e["name"], e["cname"]) for e in gaps}) == len({e["name"] for e in gaps})
    length = sum(end - start for start, end in (nanoseconds(document, e) for e in gaps))
    assert length == figures(timeline).devices.set_index("device").loc[0, "idle_ns"]


def test_every_operation_with_a_call_has_an_arrow_from_it(tmp_path):
    events = events_of(told(tmp_path), tmp_path)
    begins = {e["id"]: (e["pid"], e["tid"]) for e in of(events, ph="s")}
    ends = {e["id"]: e["pid"] for e in of(events, ph="f", bp="e")}
    assert sorted((begins[flow], ends[flow]) for flow in ends) == [
        ((FIRST, 111), 0), ((FIRST, 111), 0), ((FIRST, 111), 0), ((FIRST, 112), 0), ((SECOND, 222), 1),
    ]  # fmt: skip


def test_kernels_that_overlap_on_a_stream_are_on_two_tracks(tmp_path):
    events = events_of(some([("a", 10, 20, 7, 0), ("b", 15, 30, 7, 0), ("c", 30, 40, 7, 0)]), tmp_path)
    assert [e["name"] for e in track(events, "stream 7", 0)] == ["a", "c"]
    assert [e["name"] for e in track(events, "stream 7 (2)", 0)] == ["b"]


def test_equal_streams_of_two_processes_are_two_tracks(tmp_path):
    timeline = some([("a", 10, 20, 7, 0), ("b", 15, 30, 7, 0)])
    timeline.operations.loc[1, "process"] = 6
    events = events_of(timeline, tmp_path)
    assert [e["name"] for e in track(events, "stream 7, process 6", 0)] == ["b"]


def test_a_process_with_the_number_of_a_device_stays_apart_from_it(tmp_path):
    calls = {"name": ["cudaLaunchKernel"], "api": "runtime", "start": [1], "end": [2], "process": 0, "thread": 1}
    events = events_of(some([("a", 10, 20, 7, 0)], calls), tmp_path)
    assert len({e["pid"] for e in events if e["ph"] == "X"}) == 2


def test_threads_below_zero_stay_apart(tmp_path):
    calls = {
        "name": "cudaLaunchKernel", "api": "runtime", "start": [1, 2], "end": [5, 9], "process": 5,
        "thread": [-247463936, -255856640],
    }  # fmt: skip
    events = events_of(some([("a", 10, 20, 7, 0)], calls), tmp_path)
    assert [len(track(events, f"thread {thread}", 5)) for thread in calls["thread"]] == [1, 1]


def test_times_of_nineteen_digits_keep_their_nanoseconds(tmp_path):
    timeline = some([("a", UNIX, UNIX + 1, 7, 0), ("b", UNIX + 1_000_000_007, UNIX + 1_000_000_010, 7, 0)])
    document = document_of(timeline, tmp_path)
    found = [nanoseconds(document, e) for e in of(document["traceEvents"], cat="kernel")]
    assert found == [(UNIX, UNIX + 1), (UNIX + 1_000_000_007, UNIX + 1_000_000_010)]
    assert all(len(str(e["ts"])) < 15 for e in of(document["traceEvents"], cat="kernel"))  # exact in a double


def test_names_may_hold_anything(tmp_path):
    names = ['a"b\\c', "line\nbreak\0", "größe 🚀", "</script>", "\ud800"]
    operations = [(name, index * 10, index * 10 + 5, 7, 0) for index, name in enumerate(names)]
    assert [e["name"] for e in of(events_of(some(operations), tmp_path), cat="kernel")] == names


def test_an_operation_that_ends_before_it_starts_has_no_length(tmp_path):
    (kernel,) = of(events_of(some([("a", 20, 10, 7, 0)]), tmp_path), cat="kernel")
    assert (kernel["ts"], kernel["dur"]) == (Decimal("0.020"), 0)


def test_an_empty_timeline_is_a_trace(tmp_path):
    assert of(events_of(timeline(MEASURED), tmp_path), ph="X") == []


def test_modelled_times_say_so(tmp_path):
    source = Source("vgpu", "", "modelled", "virtual", {0: "Tesla T4"})
    events = events_of(some([("a", 1, 2, 0, 0)], source=source), tmp_path)
    assert [e["args"]["name"] for e in of(events, name="process_name")] == ["GPU 0: Tesla T4, modelled"]


def test_findings_are_in_the_trace(tmp_path):
    path = story().write(tmp_path / "run.sqlite", without=["CUPTI_ACTIVITY_KIND_RUNTIME"])
    assert "no calls" in document_of(nsys.load(path), tmp_path)["otherData"]


def test_a_gzipped_trace_holds_the_same_and_always_the_same_bytes(tmp_path):
    timeline = told(tmp_path)
    for name in ("one.json", "one.json.gz", "two.json.gz"):
        perfetto.write(timeline, tmp_path / name)
    one = (tmp_path / "one.json.gz").read_bytes()
    assert one == (tmp_path / "two.json.gz").read_bytes()
    assert gzip.decompress(one) == (tmp_path / "one.json").read_bytes()


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(FuseproofError, match="cannot be written"):
        perfetto.write(timeline(MEASURED), tmp_path / "none" / "trace.json")


def by_start(frame, columns):
    text = frame[columns].assign(kind=frame["kind"].astype(str), name=frame["name"].astype(str))
    return text.sort_values(["start", "end", "device", "correlation", "name"]).reset_index(drop=True)


@pytest.mark.parametrize("name", ["nsysai_h100_2gpu_1s.sqlite", "nsysai_mock.sqlite"])
def test_kinetos_importer_reads_the_same_operations(tmp_path, name):
    before = nsys.load(DATA / name)
    document_of(before, tmp_path)
    after = kineto.load(tmp_path / "trace.json")
    columns = [column for column in OPERATIONS if column != "process"]  # Kineto does not say it
    assert by_start(after.operations, columns).equals(by_start(before.operations, columns))
    assert after.calls["start"].sort_values().tolist() == before.calls["start"].sort_values().tolist()
    assert len(after.syncs) == len(before.syncs)


def test_random_timelines_follow_the_rules_and_come_back(tmp_path):
    for seed in range(20):
        before = random_timeline(np.random.default_rng(seed), Random(seed))
        document_of(before, tmp_path)
        after = kineto.load(tmp_path / "trace.json")
        columns = [column for column in OPERATIONS if column != "process"]
        assert by_start(after.operations, columns).equals(by_start(before.operations, columns))


def random_timeline(numbers, words):
    """Anything that a schema allows: overlaps everywhere, ranges that do not nest, threads that nobody knows."""
    count = 200

    def times():
        start = numbers.integers(0, 20_000, count)
        return {"start": UNIX + start, "end": UNIX + start + numbers.integers(0, 500, count)}

    def choice(*values):
        return [words.choice(values) for _ in range(count)]

    process, thread = numbers.integers(1, 4, count), numbers.integers(1, 4, count)
    graph = numbers.choice([UNKNOWN, 3], count)
    kinds = choice("kernel", "memcpy", "memset")
    return timeline(
        MEASURED,
        operations={
            **times(), "kind": kinds, "name": choice("a", "b<int>", 'c"'), "device": numbers.integers(0, 3, count),
            "stream": numbers.integers(0, 3, count), "context": 1, "process": process, "correlation": np.arange(count),
            "bytes": np.where(np.array(kinds) == "kernel", UNKNOWN, 64), "graph": graph,
            "graph_node": np.where(graph > 0, numbers.integers(1, 9, count), UNKNOWN), "grid_x": 4, "grid_y": 1,
            "grid_z": 1, "registers": numbers.choice([UNKNOWN, 32], count),
        },
        calls={
            **times(), "name": "cudaLaunchKernel", "api": choice("runtime", "driver"), "process": process,
            "thread": thread, "correlation": np.arange(count),
        },
        ranges={
            **times(), "name": choice("x", "y"), "domain": choice("", "d"), "process": process, "thread": thread,
            "kind": choice("push/pop", "start/end", "mark", "annotation"), "end_thread": numbers.choice([UNKNOWN, 2], count),
        },
        syncs={**times(), "kind": "stream", "device": numbers.choice([UNKNOWN, 0], count), "process": process},
        overheads={**times(), "name": "flush", "process": process, "thread": thread},
    )  # fmt: skip
