"""NVTX ranges of an export of Nsight Systems: push/pop, start/end and marks, with domain, category, payload, colour.

In: the table NVTX_EVENTS and the names. Out: columns of RANGES. Event types are those of ENUM_NSYS_EVENT_TYPE, which
have not changed since 2019: ranges of nvtxt files (70, 71, 65) are ranges too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.nsys_names import Names, Texts, distinct, processes, threads
from harness.timeline.schema import UNKNOWN
from harness.timeline.sqlite_columns import Integers, Tables

TABLE = "NVTX_EVENTS"

_PUSH_POP, _START_END, _MARK = range(3)
_KINDS = ("push/pop", "start/end", "mark")
_TYPES = {59: _PUSH_POP, 70: _PUSH_POP, 60: _START_END, 71: _START_END, 34: _MARK, 65: _MARK}
_HALVES = {35: _PUSH_POP, 37: _START_END, 66: _PUSH_POP, 68: _START_END}  # opened, and no end was seen
_CATEGORY, _DOMAIN = 33, 75
_PAYLOADS = (
    ("uint64Value", "printf('%llu', {})"), ("int64Value", "{}"), ("uint32Value", "{}"), ("int32Value", "{}"),
    ("doubleValue", "{real}"), ("floatValue", "{real}"), ("jsonText", "{}"),
)  # fmt: skip
_REAL = "CASE WHEN CAST(printf('%!.15g', {0}) AS REAL) = {0} THEN printf('%!.15g', {0}) ELSE printf('%!.17g', {0}) END"
_COLUMNS = {
    "eventType": 59, "rangeId": UNKNOWN, "category": 0, "color": UNKNOWN, "globalTid": UNKNOWN, "endGlobalTid": UNKNOWN,
    "textId": UNKNOWN, "domainId": 0, "jsonTextId": UNKNOWN,
}  # fmt: skip


def ranges(tables: Tables, names: Names, unreadable: int) -> dict[str, Any]:
    """Columns of RANGES; `unreadable` is what a time becomes that is no integer."""
    if TABLE not in tables.columns:
        return {}
    typed = "eventType" in tables.columns[TABLE]
    listed = ", ".join(map(str, [*_TYPES, *_HALVES]))
    row = tables.integers(
        TABLE, {**_COLUMNS, "end": UNKNOWN}, strict={"start": unreadable},
        where=f"eventType IN ({listed})" if typed else "1",
    )  # fmt: skip
    kinds = pd.Series({**_TYPES, **_HALVES}).reindex(row["eventType"], fill_value=_PUSH_POP).to_numpy()
    end = _ends(row, kinds)
    thread, closer = threads(row["globalTid"]), threads(row["endGlobalTid"])
    closer = np.where((closer == UNKNOWN) & (kinds != _START_END), thread, closer)
    return {
        "name": _texts(tables, names, row, "text", row["textId"]),
        "domain": _named(tables, names, row, ["domainId"], _DOMAIN, "domain {}"),
        "category": _named(tables, names, row, ["domainId", "category"], _CATEGORY, "{}"),
        "payload": _payloads(tables, names, row),
        "color": np.where(
            row["color"] == 0, UNKNOWN, np.where(row["color"] == UNKNOWN, UNKNOWN, row["color"] & 0xFFFFFFFF)
        ),
        "start": row["start"],
        "end": end,
        "process": processes(row["globalTid"]),
        "thread": thread,
        "end_thread": np.where(end == UNKNOWN, UNKNOWN, closer),
        "kind": Texts(_KINDS, kinds),
    }


def _ends(row: dict[str, Integers], kinds: npt.NDArray[np.intp]) -> Integers:
    """Marks end where they start. Old schemas have no NULL: an end of 0 says that there was none."""
    opened = (row["end"] <= 0) | np.isin(row["eventType"], list(_HALVES))
    return np.where(kinds == _MARK, row["start"], np.where(opened, UNKNOWN, row["end"]))


def _texts(tables: Tables, names: Names, row: dict[str, Integers], column: str, ids: Integers) -> Texts:
    """The text of each row: its own, else that of the id."""
    by_id = names.of(ids)
    if column not in tables.columns[TABLE]:
        return by_id
    return _own(tables, row, f'CAST("{column}" AS TEXT)', f'"{column}" IS NOT NULL', by_id)


def _own(tables: Tables, row: dict[str, Integers], text: str, where: str, otherwise: Texts) -> Texts:
    """`otherwise`, but for the rows that have a text."""
    rows, texts = tables.texts(TABLE, text, where)
    place = np.searchsorted(row["rowid"], rows)
    here = place < len(row["rowid"])
    here[here] = row["rowid"][place[here]] == rows[here]
    if not here.any():
        return otherwise
    codes = otherwise.codes.astype(np.int64)
    codes[place[here]] = len(otherwise.texts) + np.flatnonzero(here)
    return _distinct(Texts([*otherwise.texts, *texts], codes))


def _distinct(column: Texts) -> Texts:
    """With the texts that occur only, once each."""
    used, codes = np.unique(column.codes, return_inverse=True)
    places, texts = pd.factorize(np.array([column.texts[code] for code in used], dtype=object))
    return Texts(texts.tolist(), places[codes])


def _payloads(tables: Tables, names: Names, row: dict[str, Integers]) -> Texts:
    by_id = names.of(row["jsonTextId"])
    here = [(name, text) for name, text in _PAYLOADS if name in tables.columns[TABLE]]
    if not here:
        return by_id
    texts = [
        f'WHEN "{name}" IS NOT NULL THEN ' + text.format(f'"{name}"', real=_REAL.format(f'"{name}"'))
        for name, text in here
    ]
    filled = " OR ".join(f'"{name}" IS NOT NULL' for name, _ in here)
    return _own(tables, row, f"CAST(CASE {' '.join(texts)} END AS TEXT)", f"({filled})", by_id)


def _named(
    tables: Tables, names: Names, row: dict[str, Integers], keys: list[str], definition: int, otherwise: str
) -> Texts:
    """Names that rows of type `definition` give to numbers, in each process; 0 has none."""
    if not row[keys[-1]].any():
        return Texts([""], np.zeros(len(row["start"]), np.int64))
    codes, numbers = distinct(processes(row["globalTid"]), *(row[key] for key in keys))
    known = _definitions(tables, names, keys, definition)
    texts = [
        known.get(each, known.get((None, *each[1:]), otherwise.format(each[-1]))) if each[-1] else ""
        for each in numbers
    ]
    return Texts(texts, codes)


def _definitions(tables: Tables, names: Names, keys: list[str], definition: int) -> dict[tuple[int | None, ...], str]:
    """Names by process and numbers; without the process where all processes agree."""
    if "eventType" not in tables.columns[TABLE]:
        return {}
    where = f"eventType = {definition}"
    row = tables.integers(TABLE, {"globalTid": UNKNOWN, "textId": UNKNOWN, **dict.fromkeys(keys, 0)}, where=where)
    texts = _texts(tables, names, row, "text", row["textId"]).rows()
    columns = [processes(row["globalTid"]), *(row[key] for key in keys)]
    found: dict[tuple[int | None, ...], str] = {}
    anywhere: dict[tuple[int | None, ...], set[str]] = {}
    for *key, text in zip(*(column.tolist() for column in columns), texts, strict=True):
        found.setdefault(tuple(key), text)
        anywhere.setdefault((None, *key[1:]), set()).add(text)
    return found | {key: each.pop() for key, each in anywhere.items() if len(each) == 1}
