"""Names in an export of Nsight Systems: strings are ids there, processes and threads are parts of one number.

In: columns of ids. Out: pandas categoricals of names; process and thread ids as the operating system has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
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
_MEMORIES = (
    "Pageable",
    "Pinned",
    "Device",
    "Array",
    "Managed",
    "Device Static",
    "Managed Static",
)  # ENUM_CUDA_MEM_KIND


@dataclass(frozen=True, slots=True)
class Names:
    """The texts of an export, looked up when they are asked for."""

    tables: Tables

    def of(self, ids: Integers, change: Callable[[str], str] = str) -> pd.Categorical:
        """The text of each id, "" where there is none."""
        distinct, codes = np.unique(ids, return_inverse=True)
        texts = self._texts(distinct)
        return categorical([change(texts.get(int(each), "")) for each in distinct], codes)

    def _texts(self, ids: Integers) -> dict[int, str]:
        if "StringIds" not in self.tables.columns:
            return {}
        found: dict[int, str] = {}
        for first in range(0, len(ids), _ASKED):
            wanted = ", ".join(map(str, ids[first : first + _ASKED].tolist()))
            found.update(self.tables.rows("StringIds", f"SELECT id, value FROM StringIds WHERE id IN ({wanted})"))
        return {key: text for key, text in found.items() if isinstance(text, str)}


def categorical(texts: list[str], codes: Integers) -> pd.Categorical:
    """Rows that name their text by its place; texts may be there twice."""
    places, unique = pd.factorize(np.array(texts, dtype=object))
    return pd.Categorical.from_codes(places[codes], categories=pd.Index(unique, dtype="str"))


def api_name(name: str) -> str:
    """cudaLaunchKernel for cudaLaunchKernel_ptsz_v7000."""
    return _VERSION.sub("", name)


def copy_names(direction: Integers, source: Integers, destination: Integers) -> pd.Categorical:
    """As "Memcpy HtoD (Pageable -> Device)"."""
    kinds = pd.DataFrame({"direction": direction, "source": source, "destination": destination})
    return _by_row(kinds, lambda way, one, other: f"Memcpy {_direction(way)}{_between(one, other)}")


def set_names(memory: Integers) -> pd.Categorical:
    """As "Memset (Device)"."""
    return _by_row(pd.DataFrame({"memory": memory}), lambda kind: f"Memset ({_memory(kind)})")


def graph_names(graph: Integers) -> pd.Categorical:
    """As "CUDA graph 3"."""
    return _by_row(
        pd.DataFrame({"graph": graph}), lambda number: f"CUDA graph {number}" if number >= 0 else "CUDA graph"
    )


def processes(ids: Integers) -> Integers:
    """Process ids of global ids: bits 24 to 47; above are the machine, below the thread."""
    return np.where(ids > 0, ids >> 24 & 0xFFFFFF, UNKNOWN)


def threads(ids: Integers) -> Integers:
    """Thread ids of global ids."""
    return np.where(ids > 0, ids & 0xFFFFFF, UNKNOWN)


def _by_row(kinds: pd.DataFrame, name: Callable[..., str]) -> pd.Categorical:
    groups = kinds.groupby(list(kinds.columns), sort=False)
    distinct = kinds.drop_duplicates()
    return categorical([name(*row) for row in distinct.itertuples(index=False)], groups.ngroup().to_numpy())


def _direction(kind: int) -> str:
    return _DIRECTIONS.get(kind, "of unknown direction" if kind <= 0 else f"of kind {kind}")


def _memory(kind: int) -> str:
    return _MEMORIES[kind] if 0 <= kind < len(_MEMORIES) else "Unknown"


def _between(source: int, destination: int) -> str:
    return f" ({_memory(source)} -> {_memory(destination)})" if source >= 0 and destination >= 0 else ""
