"""What an import shows: the ranges that were asked for, together by name or one by one, and two of them side by side.

In: the figures of a timeline, and names of ranges. Out: an `Overview` that every report renders.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.errors import FuseproofError
from harness.timeline.figures import CAUSE_COLUMNS, COUNTS, Figures, kernels
from harness.timeline.schema import UNKNOWN

_SUMS = (*COUNTS, "host_ns", "window_ns", "busy_ns", "idle_ns", "gaps", *CAUSE_COLUMNS.values())
_VARIANTS = (" reference", " fused")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two rows of `Overview.ranges`, on the same device."""

    name: str
    reference: Row
    fused: Row

    def speedup(self, figure: str) -> float | None:
        """reference / fused of a figure of one range; None where one of them is withheld or nothing."""
        reference, fused = (
            0 if pd.isna(row[figure]) else row[figure] / row["ranges"] for row in (self.reference, self.fused)
        )
        return float(reference / fused) if reference and fused else None


@dataclass(frozen=True, slots=True)
class Kernels:
    """Launches by kernel of the whole trace or of the ranges of one name: see `figures.kernels`."""

    title: str
    table: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Overview:
    """`ranges`: label, domain, device, ranges (how many), the figures as in `Figures.ranges`, withheld (reasons)."""

    figures: Figures
    ranges: pd.DataFrame
    silent: int  # ranges that launched nothing and are not among `ranges`
    comparisons: tuple[Comparison, ...]
    kernels: tuple[Kernels, ...]


def overview(found: Figures, names: Sequence[str] = ()) -> Overview:
    """All ranges by name; or, where names are given, each range of those names, and its kernels."""
    labelled = found.ranges.assign(label=_labels(found.ranges))
    if not names:
        grouped = _by_label(labelled)
        silent = (grouped["device"] == UNKNOWN) & (grouped["withheld"] == "")
        return Overview(
            found,
            ranges=grouped[~silent].reset_index(drop=True),
            silent=int(grouped["ranges"][silent].sum()),
            comparisons=tuple(_pairs(grouped)),
            kernels=(Kernels("all operations", kernels(found, found.rows)),),
        )
    chosen = [_chosen(labelled, name, found.timeline.source.title) for name in names]
    groups = [_by_label(ranges) for ranges in chosen]
    return Overview(
        found,
        ranges=pd.concat([_one_by_one(ranges) for ranges in chosen], ignore_index=True),
        silent=0,
        comparisons=tuple(_side_by_side(*groups) if len(groups) == 2 else _pairs(pd.concat(groups))),
        kernels=tuple(
            Kernels(name, kernels(found, found.launched_in(ranges["range"].to_numpy())))
            for name, ranges in zip(names, chosen, strict=True)
        ),
    )


# torch.autograd.profiler.emit_nvtx numbers every range: "aten::mm, seq = 3, op_id = 17"
_NUMBERS = r", (?:seq|op_id) = \d+"


def _labels(ranges: pd.DataFrame) -> pd.Series:
    """domain:name, or the name alone in the default domain; without the numbers that make each range another."""
    names = ranges["name"].cat.categories
    short = dict(zip(names, names.str.replace(_NUMBERS, "", regex=True), strict=True))
    pairs = zip(ranges["domain"].tolist(), ranges["name"].tolist(), strict=True)
    return pd.Series([f"{domain}:{short[name]}" if domain else short[name] for domain, name in pairs], dtype=object)


def _chosen(labelled: pd.DataFrame, name: str, title: str) -> pd.DataFrame:
    """The ranges with this label, or else with this name in whatever domain."""
    for column in ("label", "name"):
        if (labelled[column] == name).any():
            return labelled[labelled[column] == name]
    known = sorted(set(labelled["label"]))
    if not known:
        raise FuseproofError(f"{title} has no range named {name!r}: it has no ranges at all")
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
    others = " and others" if len(known) > len(near) else ""
    raise FuseproofError(f"{title} has no range named {name!r}: there are {', '.join(map(repr, near))}{others}")


def _by_label(labelled: pd.DataFrame) -> pd.DataFrame:
    """One row for each label and device; a sum is withheld where one of its parts is."""
    # a range on two devices is one range, and one that launched nothing is not a device of its own
    keys = labelled.groupby("label")["device"].transform("max").where(labelled["device"] == UNKNOWN, labelled["device"])
    groups = labelled.assign(device=keys).groupby(["label", "device"], sort=False)
    made = groups.agg(
        domain=("domain", "first"),
        ranges=("range", "nunique"),
        largest_gap_ns=("largest_gap_ns", "max"),
        withheld=("withheld", _joined),
        withheld_window=("withheld_window", _joined),
    )
    for column in _SUMS:
        made[column] = groups[column].sum()
    made.loc[groups["host_ns"].count() < groups.size(), "host_ns"] = pd.NA
    hidden_counts, hidden_window = made["withheld"] != "", made["withheld_window"] != ""
    made.loc[hidden_counts, list(COUNTS)] = pd.NA
    made.loc[hidden_window, ["window_ns", "busy_ns", "idle_ns", "gaps", "largest_gap_ns", *CAUSE_COLUMNS.values()]] = (
        pd.NA
    )
    return made.reset_index()


def _joined(reasons: pd.Series) -> str:
    """The first reason, and how many of the ranges have one."""
    given = [reason for reason in reasons if reason]
    if not given:
        return ""
    return given[0] if len(reasons) == 1 else f"{given[0]} (in {len(given):,} of {len(reasons):,})"


def _one_by_one(own: pd.DataFrame) -> pd.DataFrame:
    number = own["range"].rank(method="dense").astype(int)
    several = number.max() > 1
    labels = [f"{label} #{index}" if several else label for label, index in zip(own["label"], number, strict=True)]
    columns = ["domain", "device", *_SUMS, "largest_gap_ns", "withheld", "withheld_window"]
    return own[columns].reset_index(drop=True).assign(label=labels, ranges=1)


def _pairs(grouped: pd.DataFrame) -> list[Comparison]:
    """Ranges "X reference" and "X fused" of one device, as fuseproof names them."""
    by_label = {(row["label"], row["device"]): row for row in grouped.to_dict("records")}
    reference, fused = _VARIANTS
    return [
        Comparison(label.removesuffix(reference), row, by_label[key])
        for (label, device), row in by_label.items()
        if label.endswith(reference) and (key := (label.removesuffix(reference) + fused, device)) in by_label
    ]


def _side_by_side(reference: pd.DataFrame, fused: pd.DataFrame) -> list[Comparison]:
    """The first of the two names beside the second, on each device that both used."""
    one, other = ({row["device"]: row for row in reversed(group.to_dict("records"))} for group in (reference, fused))
    return [
        Comparison(f"{one[device]['label']} → {other[device]['label']}", one[device], other[device])
        for device in sorted(one.keys() & other.keys())
    ]
