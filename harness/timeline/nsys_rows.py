"""What the tables of an export of Nsight Systems have in common: times, a place on a GPU, a call.

Frames are made of parts, one a table, so that columns join and an absent table is an empty part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from harness.timeline.nsys_names import Texts
from harness.timeline.nsys_names import joined as joined_texts
from harness.timeline.schema import FARTHEST, UNKNOWN, Column

Columns: TypeAlias = dict[str, Any]  # arrays and texts by name

CUPTI = "CUPTI_ACTIVITY_KIND_"
UNREADABLE = -(1 << 63)  # a time that is no integer
TIMES = {"start": UNREADABLE, "end": UNREADABLE}
PLACE = {"deviceId": UNKNOWN, "contextId": UNKNOWN, "streamId": UNKNOWN, "correlationId": 0, "globalPid": UNKNOWN}


def joined(parts: list[Columns]) -> Columns:
    """The rows of all parts, which have the same columns."""
    return {
        name: joined_texts([part[name] for part in parts])
        if isinstance(column, Texts)
        else np.concatenate([part[name] for part in parts])
        for name, column in parts[0].items()
    }


def empty(columns: Mapping[str, Column]) -> Columns:
    """No rows of a frame of the schema."""
    no_names = Texts([], np.zeros(0, np.int64))
    return {name: np.zeros(0, np.int64) if spec.dtype == "int64" else no_names for name, spec in columns.items()}


def readable(columns: Columns) -> Columns:
    """Without the rows whose times no clock can have."""
    times = np.array([columns["start"], columns["end"]])
    good = ((times > -FARTHEST) & (times < FARTHEST)).all(axis=0)
    return columns if good.all() else {name: _rows(column, good) for name, column in columns.items()}


def framed(columns: Columns) -> Columns:
    """Columns as a frame of the schema takes them."""
    return {name: column.categorical() if isinstance(column, Texts) else column for name, column in columns.items()}


def _rows(column: Any, chosen: Any) -> Any:
    return Texts(column.texts, column.codes[chosen]) if isinstance(column, Texts) else column[chosen]
