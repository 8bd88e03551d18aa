"""Names in an export of Nsight Systems: strings are ids there, processes and threads are parts of one number.

In: columns of ids. Out: columns of texts; process and thread ids as the operating system has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.schema import UNKNOWN
from harness.timeline.sqlite_columns import Integers, Tables

_ASKED = 10_000  # ids in one query
_VERSION = re.compile(r"(?:_ptsz|_ptds)?(?:_v\d+)?$")
# CUPTI's enumerations (cupti_activity.h, CUpti_ActivityMemcpyKind), in the words of Kineto.
_DIRECTIONS = {
    1: "HtoD", 2: "DtoH", 3: "HtoA", 4: "AtoH", 5: "AtoA", 6: "AtoD", 7: "DtoA", 8: "DtoD", 9: "HtoH", 10: "PtoP",
    11: "HtoD (unified)", 12: "DtoH (unified)", 13: "DtoD (unified)",
}  # fmt: skip
UNIFIED = (11, 12, 13)  # pages that move on a fault: no call asked for these
# ENUM_CUDA_MEM_KIND
_MEMORIES = ("Pageable", "Pinned", "Device", "Array", "Managed", "Device Static", "Managed Static")


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts: each row has the place of its own among `texts`, where one may be there twice."""

    texts: Sequence[str]
    codes: npt.NDArray[np.integer]

    def rows(self) -> list[str]:
        """The text of each row."""
        return [self.texts[code] for code in self.codes.tolist()]

    def categorical(self) -> pd.Categorical:
        """For a frame."""
        places = {text: place for place, text in enumerate(dict.fromkeys(self.texts))}
        codes = self.codes
        if len(places) < len(self.texts):
            codes = np.array([places[text] for text in self.texts], np.int64)[codes]
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(pd.Index(list(places), dtype="str")))


@dataclass(frozen=True, slots=True)
class Names:
    """The texts of an export, looked up when they are asked for."""

    tables: Tables

    def of(self, ids: Integers, change: Callable[[str], str] = str) -> Texts:
        """The text of each id, "" where there is none."""
        codes, wanted = pd.factorize(ids)
        texts = self._texts(wanted.tolist())
        return Texts([change(texts.get(each, "")) for each in wanted.tolist()], codes)

    def _texts(self, ids: list[int]) -> dict[int, str]:
        if not {"id", "value"} <= self.tables.columns.get("StringIds", frozenset()):
            return {}
        found: dict[int, str] = {}
        for first in range(0, len(ids), _ASKED):
            wanted = ", ".join(map(str, ids[first : first + _ASKED]))
            found.update(self.tables.rows("StringIds", f"SELECT id, value FROM StringIds WHERE id IN ({wanted})"))
        return {key: text for key, text in found.items() if isinstance(text, str)}


def joined(columns: Sequence[Texts]) -> Texts:
    """One column behind the other."""
    first = np.cumsum([0, *(len(column.texts) for column in columns)])
    codes = [column.codes + place for column, place in zip(columns, first, strict=False)]
    return Texts([text for column in columns for text in column.texts], np.concatenate(codes))


def distinct(*columns: npt.NDArray[np.integer]) -> tuple[Integers, list[tuple[int, ...]]]:
    """For each row the place of its values among the distinct ones, and these."""
    if len(columns) == 1:
        codes, unique = pd.factorize(columns[0])
        return codes, [(value,) for value in unique.tolist()]
    keys, values = np.zeros(len(columns[0]), np.int64), []
    for column in columns:
        codes, unique = pd.factorize(column)
        values.append(unique)
        keys = keys * max(len(unique), 1) + codes
    places, found = pd.factorize(keys)
    parts = []
    for unique in reversed(values):
        found, place = np.divmod(found, max(len(unique), 1))
        parts.append(unique[place].tolist())
    return places, list(zip(*reversed(parts), strict=True))


def api_name(name: str) -> str:
    """cudaLaunchKernel for cudaLaunchKernel_ptsz_v7000."""
    return _VERSION.sub("", name)


def copy_names(direction: Integers, source: Integers, destination: Integers) -> Texts:
    """As "Memcpy HtoD (Pageable -> Device)"."""
    codes, kinds = distinct(direction, source, destination)
    return Texts([f"Memcpy {_direction(way)}{_between(one, other)}" for way, one, other in kinds], codes)


def set_names(memory: Integers) -> Texts:
    """As "Memset (Device)"."""
    codes, kinds = distinct(memory)
    return Texts([f"Memset ({_memory(kind)})" for (kind,) in kinds], codes)


def graph_names(graph: Integers) -> Texts:
    """As "CUDA graph 3"."""
    codes, graphs = distinct(graph)
    return Texts([f"CUDA graph {number}" if number >= 0 else "CUDA graph" for (number,) in graphs], codes)


def processes(ids: Integers) -> Integers:
    """Process ids of global ids: bits 24 to 47; above are the machine, below the thread."""
    return np.where(ids > 0, ids >> 24 & 0xFFFFFF, UNKNOWN)


def threads(ids: Integers) -> Integers:
    """Thread ids of global ids."""
    return np.where(ids > 0, ids & 0xFFFFFF, UNKNOWN)


def _direction(kind: int) -> str:
    return _DIRECTIONS.get(kind, "of unknown direction" if kind <= 0 else f"of kind {kind}")


def _memory(kind: int) -> str:
    return _MEMORIES[kind] if 0 <= kind < len(_MEMORIES) else "Unknown"


def _between(source: int, destination: int) -> str:
    return f" ({_memory(source)} -> {_memory(destination)})" if source >= 0 and destination >= 0 else ""
