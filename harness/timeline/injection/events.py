"""What the injection library recorded, as arrays: events, threads, texts and names.

In: a snapshot of the library. Out: `Events`, copied, so that the snapshot can be freed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.timeline.injection.library import ffi

PUSH, POP, START, END, MARK = range(5)  # recorder.h
_DOMAIN, _CATEGORY, _THREAD = range(3)
_FORMATS = {
    "int64_t": "<i8",
    "uint64_t": "<u8",
    "int32_t": "<i4",
    "uint32_t": "<u4",
    "uint8_t": "u1",
    "uint8_t[5]": "5u1",
}


@dataclass(frozen=True, slots=True)
class Events:
    """`rows` and `threads` have the fields of layout.h; rows are in the order of their thread."""

    rows: npt.NDArray[Any]
    threads: npt.NDArray[Any]
    texts: list[str]
    domains: dict[int, str]
    categories: dict[tuple[int, int], str]  # by domain and number
    thread_names: dict[int, str]
    lost: int


def copied(snapshot: Any) -> Events:
    """The events of a snapshot."""
    texts = _texts(snapshot)
    names = _rows("struct name_row", snapshot.names, snapshot.name_count)
    by_kind: list[dict[tuple[int, int], str]] = [{}, {}, {}]
    for kind, domain, number, text in names.tolist():
        by_kind[kind][domain, number] = texts[text] if text >= 0 else "?"
    return Events(
        rows=_rows("struct event", snapshot.events, snapshot.event_count),
        threads=_rows("struct thread_row", snapshot.threads, snapshot.thread_count),
        texts=texts,
        domains={domain: name for (domain, _), name in by_kind[_DOMAIN].items()},
        categories=by_kind[_CATEGORY],
        thread_names={number: name for (_, number), name in by_kind[_THREAD].items()},
        lost=snapshot.lost,
    )


def _rows(struct: str, pointer: Any, count: int) -> npt.NDArray[Any]:
    fields = ffi.typeof(struct).fields
    dtype = np.dtype(
        {
            "names": [name for name, _ in fields],
            "formats": [_FORMATS[field.type.cname] for _, field in fields],
            "offsets": [field.offset for _, field in fields],
            "itemsize": ffi.sizeof(struct),
        }
    )
    if not count:
        return np.empty(0, dtype)
    return np.frombuffer(ffi.buffer(pointer, count * dtype.itemsize), dtype).copy()


def _texts(snapshot: Any) -> list[str]:
    if not snapshot.text_count:
        return []
    ends = ffi.unpack(snapshot.ends, snapshot.text_count)
    blob = ffi.buffer(snapshot.text, ends[-1])[:]
    return [blob[start:end].decode(errors="replace") for start, end in zip([0, *ends], ends, strict=False)]
