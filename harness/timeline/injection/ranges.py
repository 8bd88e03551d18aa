"""Recorded NVTX events as the schema's ranges, and what is wrong with them.

In: `Events`. Out: a frame of ranges and marks, and findings: what is open, stray, cut or lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.injection import pairing
from harness.timeline.injection.events import END, MARK, POP, PUSH, START, Events
from harness.timeline.injection.pairing import NEVER, Pairs
from harness.timeline.schema import UNKNOWN, Finding, frame

Texts: TypeAlias = npt.NDArray[Any]

_EXTENDED = 0xDFBD0009 - (1 << 32)  # abi.h
_PAYLOADS = {1: "u8", 2: "i8", 3: "f8", 4: "u4", 5: "i4", 6: "f4"}  # nvtxPayloadType_t; the union's first bytes
_EXAMPLES = 3


def ranges_of(events: Events) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """All ranges and marks, and the findings."""
    kind = events.rows["kind"]
    stacks, identified = _stacks(events), _identified(events)
    marks = np.flatnonzero(kind == MARK)
    begin = np.concatenate([stacks.begin, identified.begin, marks])
    end = np.concatenate([stacks.end, identified.end, marks])
    kinds = np.repeat(["push/pop", "start/end", "mark"], [len(stacks.begin), len(identified.begin), len(marks)])
    order = np.argsort(events.rows["time"][begin], kind="stable")
    made = _frame(events, begin[order], end[order], kinds[order])
    return made, tuple(_findings(events, made, stacks, identified))


def _stacks(events: Events) -> Pairs:
    """Push and pop: a stack for each thread and domain."""
    where = np.flatnonzero(np.isin(events.rows["kind"], (PUSH, POP)))
    rows = events.rows[where]
    stack = rows["thread"].astype(np.int64) << 32 | rows["domain"]
    return _at(where, pairing.by_stack(rows["kind"] == PUSH, stack))


def _identified(events: Events) -> Pairs:
    where = np.flatnonzero(np.isin(events.rows["kind"], (START, END)))
    rows = events.rows[where]
    return _at(where, pairing.by_id(rows["kind"] == START, rows["id"]))


def _at(where: pairing.Indexes, pairs: Pairs) -> Pairs:
    """Pairs of a part of the events as pairs of all."""
    end = np.full(len(pairs.end), NEVER)
    closed = pairs.end != NEVER
    end[closed] = where[pairs.end[closed]]
    return Pairs(where[pairs.begin], end, where[pairs.strays])


def _frame(events: Events, begin: pairing.Indexes, end: pairing.Indexes, kinds: Texts) -> pd.DataFrame:
    rows, closed = events.rows[begin], end != NEVER
    ends = events.rows[end]  # of the last event where nothing closes it: masked below
    native = events.threads["native"]
    return frame(
        "ranges",
        {
            "name": np.array([*events.texts, ""], object)[rows["message"]],
            "domain": _looked_up(rows["domain"], lambda number: events.domains.get(number, "")),
            "category": _categories(rows, events),
            "payload": _payloads(rows),
            "color": np.where(rows["has_color"] == 1, rows["color"].astype(np.int64), UNKNOWN),
            "start": rows["time"],
            "end": np.where(closed, ends["time"], UNKNOWN),
            "process": os.getpid(),
            "thread": native[rows["thread"]],
            "end_thread": np.where(closed, native[ends["thread"]], UNKNOWN),
            "kind": kinds,
        },
    )


def _looked_up(keys: npt.NDArray[Any], text: Callable[[int], str]) -> Texts:
    """The text of each key, asked for once a key."""
    unique, inverse = np.unique(keys, return_inverse=True)
    return np.array([text(int(key)) for key in unique], object)[inverse]


def _categories(rows: npt.NDArray[Any], events: Events) -> Texts:
    """Names of categories; numbers where they have none, "" for category 0."""

    def text(key: int) -> str:
        domain, number = key >> 32, key & 0xFFFFFFFF
        return events.categories.get((domain, number), str(number)) if number else ""

    return _looked_up(rows["domain"].astype(np.int64) << 32 | rows["category"], text)


def _payloads(rows: npt.NDArray[Any]) -> Texts:
    """Payloads as text: numbers as they are written, of structured ones the size."""
    made, types = np.full(len(rows), "", object), rows["payload_type"]
    for number in np.unique(types[types != 0]).tolist():
        chosen = types == number
        bits = np.ascontiguousarray(rows["payload"][chosen])
        if number in _PAYLOADS:
            size = np.dtype(_PAYLOADS[number]).itemsize
            values = bits.view(_PAYLOADS[number])[:: bits.itemsize // size]  # little-endian: the first bytes
            made[chosen] = values.astype(str)
        elif number == _EXTENDED:
            made[chosen] = [f"{size} bytes" for size in bits.tolist()]
        else:
            made[chosen] = [f"type {number}: {value}" for value in bits.tolist()]
    return made


def _findings(events: Events, made: pd.DataFrame, stacks: Pairs, identified: Pairs) -> Iterator[Finding]:
    dropped = int(events.threads["dropped"].sum()) + events.lost
    open_ranges = made[made["end"] == UNKNOWN]
    counted = (
        ("NVTX events dropped", dropped, "NVTX events found no room: ranges are missing or stay open; raise the limit"),
        ("NVTX ranges open", len(open_ranges), f"NVTX ranges did not end while recorded: {_examples(open_ranges)}"),
        ("NVTX pops without push", len(stacks.strays), "NVTX pops have no push before them in their thread and domain "
         f"since the recording began: {_places(events, stacks.strays)}"),
        ("NVTX ends without start", len(identified.strays), "NVTX ends are of ranges that ended before, or did not "
         "start while recorded"),
        ("NVTX messages cut", int((events.rows["cut"] == 1).sum()), "NVTX messages are cut to 4096 bytes"),
    )  # fmt: skip
    for name, count, sentence in counted:
        if count:
            yield Finding(name, count, f"{count:,} {sentence}")


def _examples(ranges: pd.DataFrame) -> str:
    rows = ranges.head(_EXAMPLES)
    listed = [f"{name!r} on thread {thread}" for name, thread in zip(rows["name"], rows["thread"], strict=True)]
    return ", ".join(listed) + (", …" if len(ranges) > _EXAMPLES else "")


def _places(events: Events, strays: pairing.Indexes) -> str:
    rows = events.rows[strays]
    pairs = set(zip(rows["domain"].tolist(), rows["thread"].tolist(), strict=True))
    places = sorted((events.domains.get(domain, ""), int(events.threads["native"][row])) for domain, row in pairs)
    listed = [f"domain {domain!r} on thread {thread}" for domain, thread in places[:_EXAMPLES]]
    return ", ".join(listed) + (", …" if len(places) > _EXAMPLES else "")
