"""Reading torch.profiler's traces: times, calls, ranges, orphans."""

import gzip
import json
from decimal import Decimal

import pytest

from harness.errors import FuseproofError
from harness.timeline import kineto


def event(cat, name, ts, dur, tid=1, **args):
    return {"ph": "X", "cat": cat, "name": name, "ts": ts, "dur": dur, "tid": tid, "args": args}


def trace(*events):
    return kineto.read({"traceEvents": list(events)})


def call(ts, correlation, name="cudaLaunchKernel", tid=1):
    return event("cuda_runtime", name, ts, 2, tid=tid, correlation=correlation)


def kernel(ts, correlation, dur=5):
    return event("kernel", "k", ts, dur, tid=7, correlation=correlation, stream=7)


def test_an_operation_knows_when_its_call_returned():
    (found,) = trace(call(10, 1), kernel(20, 1)).operations
    assert (found.kind, found.start, found.end, found.submitted, found.stream) == ("kernel", 20_000, 25_000, 12_000, 7)


def test_copies_and_memsets_are_operations_too():
    found = trace(
        call(1, 1), event("gpu_memcpy", "Memcpy DtoD", 5, 1, correlation=1), call(2, 2),
        event("gpu_memset", "Memset", 9, 1, correlation=2),
    )  # fmt: skip
    assert [op.kind for op in found.operations] == ["memcpy", "memset"]


def test_launches_through_the_driver_count_as_well():
    found = trace(event("cuda_driver", "cuLaunchKernel", 1, 2, correlation=4), kernel(9, 4))
    assert len(found.operations) == 1


def test_an_operation_without_its_call_is_an_orphan():
    found = trace(call(10, 1), kernel(20, 1), kernel(30, 99))
    assert (len(found.operations), found.orphans) == (1, 1)


def test_a_range_owns_what_its_own_thread_launched_inside_it():
    found = trace(
        event("user_annotation", "work", 10, 100, tid=1),
        call(5, 1), call(20, 2), call(30, 3, tid=2), call(200, 4),
        kernel(300, 1), kernel(310, 2), kernel(320, 3), kernel(330, 4),
    )  # fmt: skip
    assert [op.correlation for op in found.launched_in(found.named("work"))] == [2]


def test_a_missing_range_is_an_error():
    with pytest.raises(FuseproofError, match="0 ranges named 'work'"):
        trace().named("work")


def test_times_of_the_epoch_keep_their_nanoseconds(tmp_path):
    stamp = "1700000000000000.123"
    text = json.dumps({"traceEvents": [call("@", 1), kernel("@", 1)]}).replace('"@"', stamp)
    path = tmp_path / "trace.json.gz"
    path.write_bytes(gzip.compress(text.encode()))
    (found,) = kineto.load(path).operations
    assert found.start == int(Decimal(stamp) * 1000) == 1_700_000_000_000_000_123
