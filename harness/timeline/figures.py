"""The figures of a timeline: by device, by range and by kernel. Definitions: docs/design.md, section 5.

In: a timeline. Out: `Figures`, frames with one row a device, a range on a device, or a kernel's name; times are int64
nanoseconds. A figure that the source cannot give is withheld: `NA` in the frame, with the reason beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import FuseproofError
from harness.timeline import doubts as doubting
from harness.timeline import gaps as idling
from harness.timeline.causes import CAUSES, Cause, causes
from harness.timeline.doubts import Doubts
from harness.timeline.gaps import Intervals, Windows
from harness.timeline.launches import NOBODY, Launches, Pairs, launched, launches
from harness.timeline.names import readable
from harness.timeline.schema import UNKNOWN, Finding, Timeline

Ints = npt.NDArray[np.int64]

COUNTS = ("launches", "submissions", "copies", "memsets")
WINDOW = ("window_start", "window_ns", "busy_ns", "idle_ns", "gaps", "largest_gap_ns")
CAUSE_COLUMNS = {cause: f"idle_{cause.name.lower()}_ns" for cause in Cause}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a timeline says. Frames `devices` and `ranges` have the columns COUNTS, WINDOW and those of CAUSE_COLUMNS.

    `devices` begins with device and name. `ranges` begins with range (its row in the timeline), name, domain, process,
    thread, host_start, host_ns and device (UNKNOWN where the range launched nothing). `withheld` says why COUNTS are
    NA, `withheld_window` why WINDOW and the causes are. WINDOW is NA without a reason where nothing was launched.

    Busy, idle and gaps are the device's, inside the window: whoever launched what ran meanwhile.
    """

    timeline: Timeline
    rows: Ints  # the operations that are looked at: all, or those of one device
    launches: Launches
    doubts: Doubts
    pairs: Pairs
    gaps: pd.DataFrame
    devices: pd.DataFrame
    ranges: pd.DataFrame
    findings: tuple[Finding, ...]

    def launched_in(self, ranges: Ints) -> Ints:
        """Rows of the operations that these ranges launched, once each."""
        return np.unique(self.pairs.operation[np.isin(self.pairs.range, ranges)])


def figures(timeline: Timeline, device: int | None = None) -> Figures:
    """Everything, or what happened on one device only."""
    found = launches(timeline)
    seen = doubting.doubts(timeline, found)
    idle = _gaps(timeline, found, seen)
    pairs = launched(timeline, found)
    rows = np.arange(len(timeline.operations))
    if device is not None:
        rows, pairs = _on_device(timeline, pairs, device)
    return Figures(
        timeline,
        rows,
        found,
        seen,
        pairs,
        idle,
        devices=_devices(timeline, found, seen, idle, rows),
        ranges=_ranges(timeline, found, seen, idle, pairs),
        findings=doubting.findings(timeline, found, seen),
    )


def device_gaps(timeline: Timeline) -> pd.DataFrame:
    """Every gap of every device, between its first and its last operation: device, start, end, cause, before.

    Sorted by device and time; `before` is the row of the operation that ends the gap. Operations without valid times
    are left out.
    """
    found = launches(timeline)
    return _gaps(timeline, found, doubting.doubts(timeline, found))


def _gaps(timeline: Timeline, found: Launches, seen: Doubts) -> pd.DataFrame:
    operations = timeline.operations
    rows = np.flatnonzero(~seen.untimed)
    devices, group = np.unique(operations["device"].to_numpy()[rows], return_inverse=True)
    intervals = Intervals(group, operations["start"].to_numpy()[rows], operations["end"].to_numpy()[rows])
    gaps = idling.gaps(intervals, idling.hulls(intervals, len(devices)))
    cause = causes(timeline, found, gaps, rows, intervals)
    return pd.DataFrame(
        {
            "device": devices[gaps.group],
            "start": gaps.start,
            "end": gaps.end,
            "cause": pd.Categorical.from_codes(cause, categories=[each.value for each in CAUSES]),
            "before": rows[gaps.before] if len(rows) else gaps.before,
        }
    )


def kernels(found: Figures, rows: Ints) -> pd.DataFrame:
    """Kernels among these operations by name, the longest first.

    Columns: kernel, count, total_ns, mean_ns, largest_ns; delay_ns and largest_delay_ns, from entering the launch call
    to the start (mean and largest, over those whose call is known); times are NA where one of them is not valid.
    """
    return kernel_table(found.timeline, found.launches, ~found.doubts.untimed, rows)


def kernel_table(timeline: Timeline, launched_by: Launches, timed: npt.NDArray[np.bool_], rows: Ints) -> pd.DataFrame:
    """The same; `timed` says of each operation of the timeline whether its times are valid."""
    operations = timeline.operations
    rows = rows[(operations["kind"].to_numpy() == "kernel")[rows]]
    chosen = operations.iloc[rows]
    known = launched_by.call[rows] != NOBODY
    length = (chosen["end"] - chosen["start"]).to_numpy()
    valid = timed[rows]
    delay = pd.Series(chosen["start"].to_numpy() - launched_by.entered[rows], dtype="Int64").mask(~known | ~valid)
    short = (
        chosen["name"].cat.rename_categories(_readable(chosen["name"].cat.categories)) if len(rows) else chosen["name"]
    )
    table = pd.DataFrame(
        {"kernel": short.to_numpy(), "length": pd.Series(length, dtype="Int64").mask(~valid), "delay": delay}
    )
    by_name = table.groupby("kernel", sort=False, observed=True)
    made = pd.DataFrame(
        {
            "count": by_name.size(),
            "total_ns": by_name["length"].sum(),
            "mean_ns": by_name["length"].mean(),
            "largest_ns": by_name["length"].max(),
            "delay_ns": by_name["delay"].mean(),
            "largest_delay_ns": by_name["delay"].max(),
        }
    ).reset_index()
    return made.sort_values(["total_ns", "kernel"], ascending=[False, True], ignore_index=True)


def _readable(names: pd.Index) -> list[str]:
    """Readable names where that keeps them apart."""
    short = [readable(name) for name in names]
    return short if len(set(short)) == len(short) else list(names)


def counts(timeline: Timeline, found: Launches, rows: Ints, group: Ints, groups: int) -> dict[str, Ints]:
    """COUNTS of each group of operations; a submission is a call, however many kernels it launched."""
    kinds = timeline.operations["kind"].to_numpy()[rows]
    of_kind = {kind: np.bincount(group[kinds == kind], minlength=groups) for kind in ("kernel", "memcpy", "memset")}
    kernel = kinds == "kernel"
    # an orphan is a submission of its own
    call = np.where(found.call == NOBODY, -2 - np.arange(len(found.call)), found.call)[rows[kernel]]
    calls = pd.DataFrame({"group": group[kernel], "call": call}).drop_duplicates()
    submissions = np.bincount(calls["group"].to_numpy(), minlength=groups)
    return dict(zip(COUNTS, (of_kind["kernel"], submissions, of_kind["memcpy"], of_kind["memset"]), strict=True))


def _table(
    timeline: Timeline, found: Launches, seen: Doubts, idle: pd.DataFrame, rows: Ints, group: Ints, devices: Ints
) -> pd.DataFrame:
    """COUNTS, WINDOW and CAUSE_COLUMNS of each group of operations; group i is on device `devices[i]`."""
    table: dict[str, Ints] = counts(timeline, found, rows, group, len(devices))
    windows = _windows(timeline, seen, rows, group, len(devices))
    kinds = len(CAUSES)
    by_cause = np.zeros((len(devices), kinds), np.int64)
    count, largest = np.zeros(len(devices), np.int64), np.zeros(len(devices), np.int64)
    for device in np.unique(devices):
        of_device, own = idle[idle["device"] == device], np.flatnonzero(devices == device)
        cause = of_device["cause"].cat.codes.to_numpy().astype(np.int64)
        start, end = of_device["start"].to_numpy(), of_device["end"].to_numpy()
        part = idling.share(start, end, cause, kinds, Windows(windows.start[own], windows.end[own]))
        by_cause[own], count[own], largest[own] = part.by_kind, part.last - part.first, part.largest
    waiting, window = by_cause.sum(axis=1), windows.end - windows.start
    of_window = (windows.start, window, window - waiting, waiting, count, largest)
    table |= dict(zip(WINDOW, of_window, strict=True))
    table |= {column: by_cause[:, CAUSES.index(cause)] for cause, column in CAUSE_COLUMNS.items()}
    made = pd.DataFrame(table).astype("Int64")
    made.loc[np.bincount(group, minlength=len(devices)) == 0, _OF_WINDOW] = pd.NA
    return made


def _windows(timeline: Timeline, seen: Doubts, rows: Ints, group: Ints, groups: int) -> Windows:
    """From first start to last end of each group's operations whose times are valid."""
    timed = ~seen.untimed[rows]
    start, end = (timeline.operations[column].to_numpy()[rows[timed]] for column in ("start", "end"))
    return idling.hulls(Intervals(group[timed], start, end), groups)


def _withhold(table: pd.DataFrame, columns: list[str], reasons: list[str]) -> None:
    doubted = np.asarray([bool(reason) for reason in reasons], bool)
    table.loc[doubted, columns] = pd.NA


_OF_WINDOW = [*WINDOW, *CAUSE_COLUMNS.values()]


def _on_device(timeline: Timeline, pairs: Pairs, device: int) -> tuple[Ints, Pairs]:
    devices = timeline.operations["device"].to_numpy()
    if not (devices == device).any():
        known = ", ".join(map(str, np.unique(devices).tolist())) or "none"
        raise FuseproofError(f"{timeline.source.title} has nothing on device {device}: it has operations on {known}")
    kept = devices[pairs.operation] == device
    return np.flatnonzero(devices == device), Pairs(pairs.range[kept], pairs.operation[kept])


def _devices(timeline: Timeline, found: Launches, seen: Doubts, idle: pd.DataFrame, rows: Ints) -> pd.DataFrame:
    device = timeline.operations["device"].to_numpy()
    devices, group = np.unique(device[rows], return_inverse=True)
    table = _table(timeline, found, seen, idle, rows, group, devices)
    reasons = doubting.device_reasons(timeline, seen, devices)
    _withhold(table, _OF_WINDOW, reasons)
    table.insert(0, "device", devices)
    table.insert(1, "name", [timeline.source.devices.get(index, "") for index in devices.tolist()])
    counts = doubting.count_reasons(seen, devices)
    _withhold(table, list(COUNTS), counts)
    return table.assign(withheld=counts, withheld_window=reasons)


def _ranges(timeline: Timeline, found: Launches, seen: Doubts, idle: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """One row for each device that a range launched something on; one with device UNKNOWN where it launched nothing."""
    device = timeline.operations["device"].to_numpy()[pairs.operation]
    keys = pd.DataFrame({"range": pairs.range, "device": device})
    group = keys.groupby(["range", "device"], sort=True).ngroup().to_numpy().astype(np.int64)
    listed = keys.drop_duplicates().sort_values(["range", "device"], ignore_index=True)
    silent = np.setdiff1d(np.arange(len(timeline.ranges)), pairs.range)
    listed = pd.concat([listed, pd.DataFrame({"range": silent, "device": UNKNOWN})], ignore_index=True).astype("int64")
    row, devices = listed["range"].to_numpy(), listed["device"].to_numpy()
    table = _table(timeline, found, seen, idle, pairs.operation, group, devices)
    reasons = doubting.range_reasons(timeline, seen, found)
    own = [reasons[index] for index in row.tolist()]
    windows = Windows(*(table[column].fillna(0).to_numpy(np.int64) for column in ("window_start", "window_ns")))
    windows = Windows(windows.start, windows.start + windows.end)
    without = np.bincount(group[seen.untimed[pairs.operation]], minlength=len(row))
    of_window = doubting.window_reasons(timeline, seen, found, devices, windows, without)
    of_window = [reason or other for reason, other in zip(own, of_window, strict=True)]
    _withhold(table, list(COUNTS), own)
    _withhold(table, _OF_WINDOW, of_window)
    head = _heads(timeline.ranges.iloc[row].reset_index(drop=True)).assign(device=devices)
    head.insert(0, "range", row)
    made = pd.concat([head, table.assign(withheld=own, withheld_window=of_window)], axis=1)
    return made.sort_values(["host_start", "range", "device"], ignore_index=True)


def _heads(ranges: pd.DataFrame) -> pd.DataFrame:
    closed = (ranges["end"] != UNKNOWN).to_numpy()
    host = (ranges["end"] - ranges["start"]).astype("Int64").where(closed)
    return ranges[["name", "domain", "process", "thread"]].assign(host_start=ranges["start"], host_ns=host)
