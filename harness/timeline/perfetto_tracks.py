"""Tracks of a timeline in a trace viewer: which process and which thread each event is drawn on, and their names.

In: a timeline and its gaps. Out: a `Layout`: numbers by row of each frame, and the metadata events that name them. A
viewer knows tracks only as threads of processes: a device is a process, its streams are threads, and what a host thread
has beside its calls is on threads of the same process that do not exist. On a track boxes stand apart or inside one
another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from harness.timeline.json_rows import Ints
from harness.timeline.lanes import lanes
from harness.timeline.schema import Source, Timeline

_INVENTED = 1 << 24  # numbers from here on are no process or thread of an operating system
_NOBODY = _INVENTED - 1  # stands for a process or thread that the source does not say


class Placed(NamedTuple):
    """Process and thread of each row of a frame, as the viewer gets them."""

    process: Ints
    thread: Ints


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the rows of each frame are drawn; `names` are metadata events."""

    operations: Placed
    calls: Placed
    ranges: Placed
    syncs: Placed
    overheads: Placed
    gaps: Placed
    names: list[dict[str, Any]]


class _Track(NamedTuple):
    process: int
    thread: int
    title: str
    place: tuple[Any, ...]  # tracks of a process are drawn in this order


_Name: TypeAlias = Callable[..., str]
_RANGES, _CALLS, _OVERHEADS = range(3)  # of a thread, from above
_GAPS, _STREAMS, _WAITS = range(3)  # of a device


def layout(timeline: Timeline, gaps: pd.DataFrame, range_ends: Ints) -> Layout:
    """Tracks for everything; `range_ends` are ends of the ranges, those that were never closed included."""
    source, tracks = timeline.source, _Tracks()
    operations, syncs, overheads = timeline.operations, timeline.syncs, timeline.overheads
    hosts = {
        int(process) for frame in (timeline.calls, timeline.ranges, overheads) for process in frame["process"].unique()
    }
    devices = _device_processes(timeline, gaps, hosts)
    return Layout(
        operations=tracks.placed(
            _numbers(operations["device"], devices), operations[["process", "context", "stream"]], _times(operations),
            lambda *key: (_STREAMS, *key), _stream_title(operations), apart=True,
        ),
        calls=_calls(timeline, tracks),
        ranges=_ranges(timeline, tracks, range_ends),
        syncs=tracks.placed(
            _numbers(syncs["device"], devices), syncs[[]], _times(syncs), lambda: (_WAITS,), lambda device: "waits"
        ),
        overheads=tracks.placed(
            _host(overheads), overheads[["thread"]], _times(overheads), lambda thread: (thread, _OVERHEADS),
            lambda process, thread: f"profiler, thread {thread}",
        ),
        gaps=tracks.placed(
            _numbers(gaps["device"], devices), gaps[[]], _times(gaps), lambda: (_GAPS,), lambda device: "gaps"
        ),
        names=[*_process_names(source, hosts, devices), *tracks.names()],
    )  # fmt: skip


def _calls(timeline: Timeline, tracks: _Tracks) -> Placed:
    def title(process: int, thread: int) -> str:
        return f"{timeline.source.threads.get((process, thread), 'thread')} {thread}"

    calls = timeline.calls
    return tracks.placed(
        _host(calls), calls[["thread"]], _times(calls), lambda thread: (thread, _CALLS), title, own="thread"
    )


def _ranges(timeline: Timeline, tracks: _Tracks, ends: Ints) -> Placed:
    """A track for each thread and domain, where ranges nest. Start/end ranges are drawn by themselves."""

    def title(process: int, thread: int, domain: str, torch: bool) -> str:
        return f"{'annotations' if torch else f'NVTX {domain}'.strip()}, thread {thread}"

    ranges = timeline.ranges
    free = (ranges["kind"] == "start/end").to_numpy()
    start, thread = ranges["start"].to_numpy(), ranges["thread"].to_numpy()
    placed = tracks.placed(
        _host(ranges), ranges[["thread", "domain"]].assign(torch=ranges["kind"] == "annotation"),
        (start, np.where(free, start, ends)), lambda thread, *key: (thread, _RANGES, *key), title,
    )  # fmt: skip
    return Placed(placed.process, np.where(free, np.where(thread >= 0, thread, _NOBODY), placed.thread))


def _stream_title(operations: pd.DataFrame) -> _Name:
    """Context and process are said where a device has several."""
    several = {
        column: bool((operations.groupby("device")[column].nunique() > 1).any()) for column in ("context", "process")
    }

    def title(device: int, process: int, context: int, stream: int) -> str:
        of_context = f", context {context}" if several["context"] else ""
        return f"stream {stream}{of_context}" + (f", process {process}" if several["process"] else "")

    return title


class _Tracks:
    """Gives each track a thread number."""

    def __init__(self) -> None:
        self._made: list[_Track] = []
        self._next = _INVENTED

    def placed(
        self,
        process: Ints,
        key: pd.DataFrame,
        times: tuple[Ints, Ints],
        place: Callable[..., tuple[Any, ...]],
        title: _Name,
        *,
        apart: bool = False,
        own: str = "",
    ) -> Placed:
        """Tracks for rows, one a process and key, and more where rows overlap: all of them if they are to be `apart`.

        `own` is the column whose number the first track has; the others' are invented.
        """
        keys = key.reset_index(drop=True).assign(viewer=process)
        group = keys.groupby(list(keys), sort=False, observed=True).ngroup().to_numpy(np.int64)
        start, end = times
        lane = lanes(group, start, np.maximum(start, end), nested=not apart)
        tracks = pd.DataFrame({"group": group, "lane": lane})
        track = tracks.groupby(["group", "lane"], sort=True).ngroup().to_numpy(np.int64)
        rows = tracks.assign(track=track).drop_duplicates("track").sort_values("track")
        number = np.zeros(len(rows), np.int64)
        values = keys.iloc[rows.index].itertuples(index=False, name=None)
        for index, (row_lane, (*parts, viewer)) in enumerate(zip(rows["lane"].tolist(), values, strict=True)):
            number[index] = self._number(keys, own, parts) if own and not row_lane else self._invented()
            suffix = f" ({row_lane + 1})" if row_lane else ""
            self._made.append(
                _Track(viewer, int(number[index]), title(viewer, *parts) + suffix, (*place(*parts), row_lane))
            )
        return Placed(process, number[track])

    def names(self) -> Iterator[dict[str, Any]]:
        """Name and order of every track."""
        for index, track in enumerate(sorted(self._made, key=lambda track: (track.process, track.place))):
            where = {"ph": "M", "pid": track.process, "tid": track.thread}
            yield {"name": "thread_name", **where, "args": {"name": track.title}}
            yield {"name": "thread_sort_index", **where, "args": {"sort_index": index}}

    def _number(self, keys: pd.DataFrame, own: str, parts: list[Any]) -> int:
        number = int(parts[list(keys).index(own)])
        return number if number >= 0 else self._invented()  # Kineto has several: lower halves of pthread_self, signed

    def _invented(self) -> int:
        self._next += 1
        return self._next


def _host(frame: pd.DataFrame) -> Ints:
    process = frame["process"].to_numpy()
    return np.where(process >= 0, process, _NOBODY)


def _times(frame: pd.DataFrame) -> tuple[Ints, Ints]:
    return frame["start"].to_numpy(), frame["end"].to_numpy()


def _device_processes(timeline: Timeline, gaps: pd.DataFrame, hosts: set[int]) -> dict[int, int]:
    """The process of each device: its index as Kineto does, if no host process has that number."""
    frames = (timeline.operations, timeline.syncs, gaps)
    devices = sorted({int(device) for frame in frames for device in frame["device"].unique()})
    free = not hosts & set(devices) and min(devices, default=0) >= 0
    return {device: device if free else _INVENTED + 1 + device for device in devices}


def _numbers(devices: pd.Series, processes: dict[int, int]) -> Ints:
    return devices.map(processes).to_numpy(np.int64)


def _process_names(source: Source, hosts: set[int], devices: dict[int, int]) -> Iterator[dict[str, Any]]:
    named = [(process if process >= 0 else _NOBODY, source.processes.get(process, "host")) for process in sorted(hosts)]
    modelled = ", modelled" if source.times == "modelled" else ""
    for device, process in devices.items():
        name = f": {source.devices[device]}" if device in source.devices else ""
        named.append((process, f"GPU {device}{name}{modelled}"))
    for index, (process, name) in enumerate(named):
        where = {"ph": "M", "pid": process}
        yield {"name": "process_name", **where, "args": {"name": name}}
        yield {"name": "process_sort_index", **where, "args": {"sort_index": index}}
