"""Real traces of torch.profiler: figures agree with a plain walk over the same JSON, written here without our code."""

import gzip
import json
import re
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from harness.timeline import load
from harness.timeline.figures import figures, kernels

DATA = Path(__file__).parent / "data"
TRACES = sorted(path.name for path in DATA.glob("*.json.gz"))
GPU = ("kernel", "gpu_memcpy", "gpu_memset")
WHOLE = [name for name in TRACES if name != "hta_triton_example.json.gz"]  # whose ranges are of a recorded process


@cache
def document(name):
    text = gzip.decompress((DATA / name).read_bytes())
    return json.loads(text, parse_float=Decimal)


def events(name, *categories):
    return [e for e in document(name)["traceEvents"] if e.get("ph") == "X" and e.get("cat") in categories]


def span(name, event):
    base = document(name).get("baseTimeNanoseconds", 0)
    start = int(Decimal(event["ts"]) * 1000)
    return base + start, base + start + int(Decimal(event["dur"]) * 1000)


def union(spans):
    """Length of the union of intervals, its pieces merged one after the other."""
    pieces = []
    for start, end in sorted(spans):
        if pieces and start <= pieces[-1][1]:
            pieces[-1][1] = max(pieces[-1][1], end)
        else:
            pieces.append([start, end])
    return sum(end - start for start, end in pieces), len(pieces)


@cache
def analysed(name):
    return figures(load(DATA / name))


@pytest.mark.parametrize("name", TRACES)
def test_every_operation_is_there_to_the_nanosecond(name):
    operations = analysed(name).timeline.operations
    expected = sorted((*span(name, e), e["args"]["correlation"]) for e in events(name, *GPU))
    assert sorted(operations[["start", "end", "correlation"]].itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize("name", TRACES)
def test_counts_busy_time_and_gaps_of_each_device(name):
    for row in analysed(name).devices.to_dict("records"):
        own = [e for e in events(name, *GPU) if e["args"]["device"] == row["device"]]
        spans = [span(name, e) for e in own]
        busy, pieces = union(spans)
        window = max(end for _, end in spans) - min(start for start, _ in spans)
        assert row["withheld_window"] == ""
        assert (row["window_ns"], row["busy_ns"], row["idle_ns"]) == (window, busy, window - busy)
        assert row["gaps"] == pieces - 1
        counts = [sum(e["cat"] == category for e in own) for category in GPU]
        assert [row["launches"], row["copies"], row["memsets"]] == counts


@pytest.mark.parametrize("name", WHOLE)
def test_every_range_owns_what_its_thread_launched_inside_it(name):
    calls = {e["args"]["correlation"]: e for e in events(name, "cuda_runtime", "cuda_driver")}
    operations = events(name, *GPU)
    found = analysed(name)
    rows = {(row["name"], row["thread"], row["host_start"]): row for row in found.ranges.to_dict("records")}
    assert len(rows) == len(events(name, "user_annotation"))
    for annotation in events(name, "user_annotation"):
        start, end = span(name, annotation)
        row = rows[annotation["name"], annotation["tid"], start]
        own = [
            op
            for op in operations
            if (call := calls.get(op["args"]["correlation"]))
            and (call["pid"], call["tid"]) == (annotation["pid"], annotation["tid"])
            and start <= span(name, call)[0] < end
        ]
        assert row["withheld"] == ""
        assert row["launches"] == sum(op["cat"] == "kernel" for op in own)
        if not own:
            continue
        first, last = min(span(name, op)[0] for op in own), max(span(name, op)[1] for op in own)
        cut = [
            (max(s, first), min(e, last)) for s, e in (span(name, op) for op in operations) if s < last and e > first
        ]
        assert (row["window_ns"], row["busy_ns"]) == (last - first, union(cut)[0])
        assert sum(row[column] for column in row if re.match(r"idle_\w+_ns", column)) == row["idle_ns"]


@pytest.mark.parametrize("name", TRACES)
def test_kernels_by_name(name):
    found = analysed(name)
    table = kernels(found, found.rows).set_index("kernel")
    calls = {e["args"]["correlation"]: e for e in events(name, "cuda_runtime", "cuda_driver")}
    by_name = {}
    for event in events(name, "kernel"):
        by_name.setdefault(event["name"], []).append(event)
    assert set(table.index) == set(by_name)
    for kernel, own in by_name.items():
        lengths = [end - start for start, end in (span(name, e) for e in own)]
        delays = [span(name, e)[0] - span(name, calls[e["args"]["correlation"]])[0] for e in own]
        row = table.loc[kernel]
        assert (row["count"], row["total_ns"], row["largest_ns"]) == (len(own), sum(lengths), max(lengths))
        assert row["delay_ns"] == pytest.approx(sum(delays) / len(delays))


def test_kinetos_own_projection_of_a_range_is_ours():
    """Kineto draws a range on the GPU, where it has `gpu_user_annotation`, from its first start to its last end."""
    name = "tracelens_h100_bert_small.json.gz"
    (drawn,) = events(name, "gpu_user_annotation")
    (row,) = analysed(name).ranges.to_dict("records")
    start, end = span(name, drawn)
    assert abs(row["window_start"] - start) <= 1  # its stamps are rounded
    assert abs(row["window_ns"] - (end - start)) <= 2


def test_a_range_of_a_process_that_was_not_recorded_is_withheld():
    (row,) = analysed("hta_triton_example.json.gz").ranges.to_dict("records")
    assert row["withheld"] == "the trace has no calls of its process"


@pytest.mark.parametrize("name", WHOLE)
def test_real_traces_have_nothing_that_would_be_withheld(name):
    found = analysed(name)
    assert {finding.name for finding in found.findings} <= {"cut-off ranges", "zero duration", "overlaps on a stream"}
