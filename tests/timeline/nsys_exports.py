"""Makes exports of Nsight Systems of several schemas that tell one story, for tests of the importer.

A story is rows with all columns that any schema has; a schema is the tables and columns that its exports have, so that
what a version lacks is left out. Schemas are read from real exports (3.25, 3.24) and from NVIDIA's export documentation
of 2021 (2.9) and of later years.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]

MACHINE = 1 << 48
FIRST, SECOND = 111, 222  # processes; their correlation ids collide

_TIME = "start end "
_PLACE = "deviceId contextId streamId correlationId globalPid "
_SHAPE = "registersPerThread gridX gridY gridZ blockX blockY blockZ staticSharedMemory dynamicSharedMemory "
_PAYLOADS = "uint64Value int64Value doubleValue uint32Value int32Value floatValue jsonTextId jsonText "
_NVTX = _TIME + "eventType rangeId category color text globalTid endGlobalTid textId domainId "
_OLD = {
    "EXPORT_META_DATA": "name value",
    "StringIds": "id value",
    "TARGET_INFO_CUDA_GPU": "deviceId name",
    "CUPTI_ACTIVITY_KIND_RUNTIME": _TIME + "eventClass globalTid correlationId nameId returnValue callchainId",
    "CUPTI_ACTIVITY_KIND_KERNEL": _TIME + _PLACE + _SHAPE + "demangledName shortName gridId graphNodeId",
    "CUPTI_ACTIVITY_KIND_MEMCPY": _TIME + _PLACE + "bytes copyKind srcKind dstKind graphNodeId",
    "CUPTI_ACTIVITY_KIND_MEMSET": _TIME + _PLACE + "value bytes memKind graphNodeId",
    "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION": _TIME + _PLACE + "syncType eventId",
    "NVTX_EVENTS": _NVTX + _PAYLOADS,
    "PROFILER_OVERHEAD": _TIME + "globalTid correlationId nameId returnValue",
    "ThreadNames": "nameId priority globalTid",
}
_SINCE_3_1 = {
    "META_DATA_EXPORT": "name value",
    "TARGET_INFO_GPU": "vmId id name busLocation",
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE": _TIME + _PLACE + "graphId graphExecId",
    "CUPTI_ACTIVITY_KIND_KERNEL": _TIME
    + _PLACE
    + _SHAPE
    + "demangledName shortName mangledName launchType graphNodeId",
    "ANALYSIS_DETAILS": "globalVid duration startTime stopTime",
    "TARGET_INFO_SESSION_START_TIME": "utcEpochNs utcTime localTime",
}
_SINCE_3_13 = {
    "PROCESSES": "globalPid pid name",
    "PROFILER_OVERHEAD": _TIME + "globalTid nameId overheadType",
    "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION": _TIME + _PLACE + "deprecatedSyncType syncType eventId",
}
_SINCE_3_25 = {
    "CUPTI_ACTIVITY_KIND_KERNEL": _TIME + _PLACE + _SHAPE + "demangledName shortName mangledName graphNodeId graphId",
    "CUPTI_ACTIVITY_KIND_OVERHEAD": _TIME + "eventClass globalTid correlationId nameId overheadType",
    "NVTX_EVENTS": _NVTX + _PAYLOADS + "binaryData",
}
_GONE_IN_3_1 = ("EXPORT_META_DATA", "TARGET_INFO_CUDA_GPU")


def _without(schema: Mapping[str, str], *tables: str) -> dict[str, str]:
    return {table: columns for table, columns in schema.items() if table not in tables}


_3_1 = _without({**_OLD, **_SINCE_3_1}, *_GONE_IN_3_1)
SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "2.9": _OLD,
    "3.1": _3_1,
    "3.13": {**_3_1, **_SINCE_3_13},
    "3.25": {**_3_1, **_SINCE_3_13, **_SINCE_3_25},
}
_TEXTS = ("value", "name", "text", "busLocation", "utcTime", "localTime", "jsonText", "binaryData")
_REALS = ("doubleValue", "floatValue")


def pid(process: int) -> int:
    """A globalPid."""
    return MACHINE | process << 24


def tid(process: int, thread: int) -> int:
    """A globalTid."""
    return pid(process) | thread


class Story:
    """Rows by table; texts become ids of StringIds."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        self._texts: dict[str, int] = {}

    def add(self, table: str, **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def text(self, value: str) -> int:
        if value not in self._texts:
            self._texts[value] = len(self._texts)
            self.add("StringIds", id=self._texts[value], value=value)
        return self._texts[value]

    def call(
        self, name: str, start: int, end: int, correlation: int, process=FIRST, thread=FIRST, driver=False
    ) -> None:
        self.add(
            "CUPTI_ACTIVITY_KIND_RUNTIME", start=start, end=end, eventClass=int(driver), globalTid=tid(process, thread),
            correlationId=correlation, nameId=self.text(name), returnValue=0,
        )  # fmt: skip

    def kernel(
        self, name: str, start: int, end: int, correlation: int, process=FIRST, device=0, stream=7, **more
    ) -> None:
        self._operation(
            "KERNEL", start, end, correlation, process, device, stream, demangledName=self.text(name), mangledName=None,
            shortName=self.text(name.split("<")[0]), registersPerThread=32, gridX=4, gridY=3, gridZ=2, blockX=128,
            blockY=1, blockZ=1, staticSharedMemory=16, dynamicSharedMemory=1024, **more,
        )  # fmt: skip

    def copy(self, start: int, end: int, correlation: int, kind=1, process=FIRST, device=0, stream=7) -> None:
        self._operation(
            "MEMCPY", start, end, correlation, process, device, stream, bytes=4096, copyKind=kind, srcKind=0, dstKind=2
        )

    def set(self, start: int, end: int, correlation: int, process=FIRST, device=0, stream=7) -> None:
        self._operation("MEMSET", start, end, correlation, process, device, stream, value=0, bytes=64, memKind=2)

    def graph(self, start: int, end: int, correlation: int, graph: int) -> None:
        self._operation("GRAPH_TRACE", start, end, correlation, FIRST, 0, 7, graphId=1, graphExecId=graph)

    def sync(self, start: int, end: int, correlation: int, kind: int) -> None:
        self._operation("SYNCHRONIZATION", start, end, correlation, FIRST, 0, 7, syncType=kind, eventId=0)

    def range(
        self, text: str | None, start: int, end: int | None, kind=59, process=FIRST, thread=FIRST, **more
    ) -> None:
        self.add("NVTX_EVENTS", text=text, start=start, end=end, eventType=kind, globalTid=tid(process, thread), **more)

    def _operation(
        self, table: str, start: int, end: int, correlation: int, process: int, device: int, stream: int, **more: Any
    ) -> None:
        self.add(
            f"CUPTI_ACTIVITY_KIND_{table}", start=start, end=end, correlationId=correlation, globalPid=pid(process),
            deviceId=device, contextId=1, streamId=stream, **more,
        )  # fmt: skip

    def write(self, path: Path, schema: str = "3.25", *, page_size: int = 4096, without: Iterable[str] = ()) -> Path:
        """The export; `without` are tables, or columns as "TABLE.column"."""
        tables = SCHEMAS[schema]
        left_out = set(without)
        with sqlite3.connect(path) as connection:
            connection.executescript(
                f"PRAGMA page_size = {page_size}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"
            )
            for table, listed in tables.items():
                if table not in left_out:
                    columns = [name for name in listed.split() if f"{table}.{name}" not in left_out]
                    _create(connection, table, columns, self.rows.get(table, []))
        connection.close()
        return path


def _create(connection: sqlite3.Connection, table: str, columns: list[str], rows: list[Row]) -> None:
    typed = (f'"{name}" {"TEXT" if name in _TEXTS else "REAL" if name in _REALS else "INTEGER"}' for name in columns)
    connection.execute(f'CREATE TABLE "{table}" ({", ".join(typed)})')
    places = ", ".join("?" * len(columns))
    connection.executemany(
        f'INSERT INTO "{table}" VALUES ({places})', [[row.get(name) for name in columns] for row in rows]
    )


def story() -> Story:
    """Two processes on a GPU each, two threads in the first; every kind of event once or twice."""
    told = Story()
    for table in ("EXPORT_META_DATA", "META_DATA_EXPORT"):
        told.add(table, name="EXPORT_PRODUCT_VERSION", value="2026.2.1.210")
    for index, name in enumerate(("NVIDIA H100", "NVIDIA A100")):
        told.add("TARGET_INFO_CUDA_GPU", deviceId=index, name=name)
        told.add("TARGET_INFO_GPU", vmId=0, id=index, name=name)
    told.add("ANALYSIS_DETAILS", globalVid=MACHINE, duration=100_000, startTime=7, stopTime=100_007)
    told.add("PROCESSES", globalPid=pid(FIRST), pid=FIRST, name="python3")
    told.add("ThreadNames", nameId=told.text("pt_main_thread"), priority=20, globalTid=tid(FIRST, FIRST))
    told.call("cudaLaunchKernel_v7000", 1000, 1100, 1)
    told.kernel("void gelu<float>(float*)", 1500, 2500, 1)
    told.call("cuLaunchKernel", 1200, 1300, 2, thread=112, driver=True)
    told.kernel("norm", 2400, 3000, 2, stream=8)
    told.call("cudaLaunchKernel_ptsz_v7000", 1050, 1150, 1, process=SECOND, thread=SECOND)
    told.kernel("norm", 1600, 1700, 1, process=SECOND, device=1)
    told.call("cudaMemcpyAsync_v3020", 3100, 3200, 3)
    told.copy(3500, 4500, 3)
    told.call("cudaMemsetAsync_v3020", 3300, 3400, 4)
    told.set(4500, 4600, 4)
    told.kernel("lost<int>", 4700, 4800, 99)
    told.call("cudaStreamSynchronize_v3020", 4000, 4900, 5)
    told.sync(4010, 4890, 5, kind=2)
    told.add(
        "PROFILER_OVERHEAD", start=10, end=20, globalTid=tid(FIRST, FIRST), nameId=told.text("CUPTI Buffer flush"),
        overheadType=3,
    )  # fmt: skip
    _ranges(told)
    return told


def _ranges(told: Story) -> None:
    told.range("fuseproof", 0, None, kind=75, domainId=1)
    told.range("forward", 0, None, kind=33, domainId=1, category=5)
    told.range("other", 0, None, kind=75, process=SECOND, thread=SECOND, domainId=1)
    told.range("step", 900, 4950, color=0xFF00FF00)
    told.range("layer", 950, 3050, domainId=1, category=5, int64Value=-3)
    told.range("step", 1000, 2000, process=SECOND, thread=SECOND, domainId=1, doubleValue=0.1)
    told.range(None, 1190, 1310, thread=112, textId=told.text("registered"), uint64Value=-1)
    told.range("async", 980, 3600, kind=60, rangeId=1, endGlobalTid=tid(FIRST, 112))
    told.range("mark", 1234, None, kind=34)
    told.range("open", 4960, None)
