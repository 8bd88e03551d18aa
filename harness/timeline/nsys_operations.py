"""Kernels, copies and memsets of an export of Nsight Systems, and launches of whole CUDA graphs.

In: the tables of CUPTI's activities. Out: columns of OPERATIONS. A graph that was traced as a whole is one row without
a node; its nodes, where they were traced, are kernels, copies and memsets with one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from harness.timeline.nsys_names import Names, Texts, copy_names, graph_names, processes, set_names
from harness.timeline.nsys_rows import CUPTI, PLACE, TIMES, Columns, empty, joined
from harness.timeline.owners import owners
from harness.timeline.schema import OPERATIONS, UNKNOWN, Finding
from harness.timeline.sqlite_columns import Integers, Tables

_NODE = {"graphNodeId": 0, "graphId": 0}
_SHAPE = {f"{what}{axis}": UNKNOWN for what in ("grid", "block") for axis in "XYZ"}
_KERNEL = {
    "demangledName": UNKNOWN, "shortName": UNKNOWN, "mangledName": UNKNOWN, "registersPerThread": UNKNOWN,
    "staticSharedMemory": UNKNOWN, "dynamicSharedMemory": UNKNOWN, **_SHAPE, **_NODE,
}  # fmt: skip
_COPY = {"bytes": UNKNOWN, "copyKind": UNKNOWN, "srcKind": UNKNOWN, "dstKind": UNKNOWN, **_NODE}
_SET = {"bytes": UNKNOWN, "memKind": UNKNOWN, **_NODE}
_GRAPH = {"graphId": 0, "graphExecId": 0}


def operations(tables: Tables, names: Names) -> Columns:
    """Columns of OPERATIONS; `process` only where the file says it."""
    readers = {
        f"{CUPTI}KERNEL": ("kernel", _KERNEL, lambda row: _kernels(row, names)),
        f"{CUPTI}MEMCPY": (
            "memcpy", _COPY,
            lambda row: {"name": copy_names(row["copyKind"], row["srcKind"], row["dstKind"]), "bytes": row["bytes"]},
        ),
        f"{CUPTI}MEMSET": (
            "memset", _SET,
            lambda row: {"name": set_names(row["memKind"]), "bytes": row["bytes"]},
        ),
        f"{CUPTI}GRAPH_TRACE": ("kernel", _GRAPH, _whole_graphs),
    }  # fmt: skip
    parts = [
        _part(tables, table, kind, wanted, read)
        for table, (kind, wanted, read) in readers.items()
        if table in tables.columns
    ]
    return joined(parts) if parts else empty(OPERATIONS)


def _part(
    tables: Tables, table: str, kind: str, wanted: Mapping[str, int], read: Callable[[dict[str, Integers]], Columns]
) -> Columns:
    row = tables.integers(table, {**PLACE, **wanted}, strict=TIMES)
    return {
        **_numbers(len(row["start"])),
        "kind": Texts([kind], np.zeros(len(row["start"]), np.int64)),
        "start": row["start"],
        "end": row["end"],
        "device": row["deviceId"],
        "context": row["contextId"],
        "stream": row["streamId"],
        "process": processes(row["globalPid"]),
        "correlation": np.maximum(row["correlationId"], 0),
        **_node(row),
        **read(row),
    }


def _numbers(rows: int) -> Columns:
    return {name: np.full(rows, UNKNOWN, np.int64) for name, spec in OPERATIONS.items() if spec.dtype == "int64"}


def _kernels(row: dict[str, Integers], names: Names) -> Columns:
    name = np.where(row["demangledName"] >= 0, row["demangledName"], row["shortName"])
    static, dynamic = row["staticSharedMemory"], row["dynamicSharedMemory"]
    return {
        "name": names.of(np.where(name >= 0, name, row["mangledName"])),
        "registers": row["registersPerThread"],
        "shared_bytes": np.where((static < 0) & (dynamic < 0), UNKNOWN, np.maximum(static, 0) + np.maximum(dynamic, 0)),
        **{f"{what}_{axis.lower()}": row[f"{what}{axis}"] for what in ("grid", "block") for axis in "XYZ"},
    }


def _node(row: dict[str, Integers]) -> Columns:
    """Graph and node; a node's id has that of its graph above bit 32, where no column says it."""
    if "graphNodeId" not in row:
        return {}
    node = np.where(row["graphNodeId"] > 0, row["graphNodeId"], UNKNOWN)
    graph = np.where(row["graphId"] > 0, row["graphId"], np.maximum(node, 0) >> 32)
    return {"graph": np.where((node > 0) & (graph > 0), graph, UNKNOWN), "graph_node": node}


def _whole_graphs(row: dict[str, Integers]) -> Columns:
    graph = np.where(row["graphExecId"] > 0, row["graphExecId"], row["graphId"])
    return {"name": graph_names(np.where(graph > 0, graph, UNKNOWN)), "graph": np.maximum(graph, 0)}


def with_processes(columns: Columns, calls: Columns) -> tuple[Columns, tuple[Finding, ...]]:
    """The oldest schemas do not say whose an operation is: then it is the process whose call has its correlation id."""
    unsaid = columns["process"] == UNKNOWN
    if not unsaid.any():
        return columns, ()
    found, several = owners(columns["correlation"], calls["correlation"], calls["process"])
    process = np.where(unsaid, found, columns["process"])
    count = int((unsaid & several).sum())
    sentence = f"{count:,} operations have a correlation id that calls of several processes have: nobody's"
    return columns | {"process": process}, (Finding("unclear process", count, sentence),) if count else ()
