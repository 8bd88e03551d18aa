"""What the tables of an export of Nsight Systems have in common: times, a place on a GPU, a call.

Frames are made of parts, one a table, so that columns join and an absent table is an empty part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from harness.timeline.nsys_names import categorical
from harness.timeline.schema import UNKNOWN, Column

Columns: TypeAlias = dict[str, Any]  # arrays and categoricals by name

CUPTI = "CUPTI_ACTIVITY_KIND_"
UNREADABLE = -(1 << 63)  # a time that is no integer
TIMES = {"start": UNREADABLE, "end": UNREADABLE}
PLACE = {"deviceId": UNKNOWN, "contextId": UNKNOWN, "streamId": UNKNOWN, "correlationId": 0, "globalPid": UNKNOWN}

_FARTHEST = 1 << 61  # ns; a time beyond 70 years from its clock's zero is damaged, and differences would overflow


def joined(parts: list[Columns]) -> Columns:
    """The rows of all parts, which have the same columns."""
    return {
        name: pd.api.types.union_categoricals([part[name] for part in parts])
        if isinstance(parts[0][name], pd.Categorical)
        else np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def empty(columns: Mapping[str, Column]) -> Columns:
    """No rows of a frame of the schema."""
    no_names = categorical([], np.zeros(0, np.int64))
    return {name: np.zeros(0, np.int64) if spec.dtype == "int64" else no_names for name, spec in columns.items()}


def readable(columns: Columns) -> Columns:
    """Without the rows whose times no clock can have."""
    good = (np.abs(columns["start"]) < _FARTHEST) & (np.abs(columns["end"]) < _FARTHEST)
    return columns if good.all() else {name: values[good] for name, values in columns.items()}
