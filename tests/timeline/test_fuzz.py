"""Damaged traces: whatever happens to a file, there are figures or one sentence, never a traceback."""

import gzip
import json
import random
from itertools import pairwise

import pytest

from harness.errors import FuseproofError
from harness.timeline import kineto, trace_events
from harness.timeline.figures import figures
from harness.timeline.overview import overview
from reports.timeline import json as as_json
from tests.timeline.traces import annotation, call, copy, event, kernel, text

WHOLE = text(
    annotation("outer", 0, 100), annotation("inner é\n", 5, 20, tid=2), call(1, 1), call(6, 2, tid=2),
    call(9, 3, name="cudaDeviceSynchronize", dur=20), call(40, 4, name="cudaGraphLaunch"),
    kernel(10.125, 1, grid=[1, 2, 3], block=[32, 1, 1]), kernel(18, 2, stream=9), copy(31, 3),
    kernel(50, 4, **{"graph id": 1, "graph node id": 2}), kernel(60, 4, **{"graph id": 1}),
    event("cuda_sync", "Stream Wait Event", 12, 3, tid=7, pid=0, correlation=3, stream=7),
    {"ph": "s", "id": 1, "pid": 1, "tid": 1, "ts": 1, "cat": "ac2g", "name": "ac2g"},
    deviceProperties=[{"id": 0, "name": "GPU"}], baseTimeNanoseconds=1727743122000000000,
).encode()  # fmt: skip
PIECES = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"null", b"-", b"1e999", b"9" * 40, b"-1", b"0", b'"ts"', b"\x00",
    b"\xff\xfe", b"NaN", b'"kernel"', b"99999999999999999999", b"9223372036854775807", b"-9223372036854775808", b"true",
    b'{"a":' * 50, b"4e18", b'"correlation"', b'"pid"',
]  # fmt: skip


def damaged(rng):
    """One trace, cut, spliced, flipped or with something foreign in it."""
    content = bytearray(WHOLE)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(content) + 1)
        way = rng.randrange(6)
        if way == 0:
            del content[at:]
        elif way == 1:
            del content[at : at + rng.randrange(1, 40)]
        elif way == 2:
            content[at:at] = rng.choice(PIECES)
        elif way == 3:
            piece = rng.choice(PIECES)
            content[at : at + len(piece)] = piece
        elif way == 4 and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        else:
            start = rng.randrange(len(content) + 1)
            content[at:at] = content[start : start + rng.randrange(60)]
    return bytes(content)


def changed(rng):
    """One trace that is still JSON, with values that do not belong where they are."""
    document = json.loads(WHOLE)
    values = [
        None,
        True,
        -1,
        0,
        2**31,
        2**62,
        -(2**62),
        2**63 - 1,
        10**30,
        1.5,
        "",
        "x",
        [],
        [1, "a"],
        {},
        {"a": 1},
        1e300,
    ]
    for _ in range(rng.randrange(1, 12)):
        chosen = rng.choice(document["traceEvents"])
        place = chosen["args"] if rng.random() < 0.4 and isinstance(chosen.get("args"), dict) else chosen
        if place and rng.random() < 0.85:
            place[rng.choice(list(place))] = rng.choice(values)
        elif place:
            del place[rng.choice(list(place))]
    return json.dumps(document).encode()


def survives(path, index):
    """Read the file; every tenth also as a timeline, every 250th also with all figures, down to the report."""
    try:
        trace_events.read(path, kineto.LAYOUT)
        if index % 10 == 0:
            timeline = kineto.load(path)
        if index % 250 == 0:
            as_json.render(overview(figures(timeline)))
    except FuseproofError as error:
        return "\n" not in str(error)
    return True


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("maker", [damaged, changed])
def test_damaged_files_read_without_a_traceback(maker, seed, tmp_path):
    rng = random.Random(f"{maker.__name__} {seed}")
    path = tmp_path / "trace.json"
    for index in range(1_250):
        path.write_bytes(maker(rng))
        assert survives(path, index)


def test_damaged_gzip_files_read_without_a_traceback(tmp_path):
    rng = random.Random(7)
    whole = gzip.compress(WHOLE, mtime=0)
    path = tmp_path / "trace.json.gz"
    for index in range(1_000):
        content = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(bytes(content[: rng.choice((len(content), rng.randrange(1, len(content))))]))
        assert survives(path, index)


def test_every_truncation_is_read_or_refused(tmp_path):
    """The shorter the file, the fewer operations: none is invented, and none is lost that was whole."""
    path = tmp_path / "trace.json"
    counts = []
    for length in range(0, len(WHOLE), 3):
        path.write_bytes(WHOLE[:length])
        try:
            found = trace_events.read(path, kineto.LAYOUT)
        except FuseproofError:
            counts.append(0)
            continue
        assert found.truncated
        counts.append(len(found.tables[0][trace_events.START]))
    assert all(shorter <= longer for shorter, longer in pairwise(counts))
    assert counts[-1] == 5
