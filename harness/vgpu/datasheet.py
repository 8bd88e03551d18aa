"""Data files of GPUs and hosts: every figure with its unit and its source, read into a frozen dataclass.

In: a folder of JSON files and a dataclass. Out: one instance a file. A file is
`{"sources": {key: citation}, "figures": {field: {"value": …, "unit": …, "source": key, "note": …}}}`;
every field of the dataclass must be there with a known source, and nothing else may be.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import FuseproofError

Record = TypeVar("Record")


def names(folder: Path) -> tuple[str, ...]:
    """Names of the data files in a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


@functools.cache
def load(folder: Path, name: str, record: type[Record]) -> Record:
    """The record of one data file; names are matched without regard to case."""
    known = {known.lower(): known for known in names(folder)}
    if name.lower() not in known:
        kind = record.__name__.lower()
        raise FuseproofError(f"unknown {kind} {name!r}; known: {', '.join(known.values())} (data files: {folder})")
    path = folder / f"{known[name.lower()]}.json"
    return record(**_values(path, {field.name for field in dataclasses.fields(record)}))  # type: ignore[arg-type]


def _values(path: Path, fields: set[str]) -> dict[str, Any]:
    sheet = json.loads(path.read_text(encoding="utf-8"))
    figures, sources = sheet["figures"], sheet["sources"]
    if set(figures) != fields:
        missing, extra = sorted(fields - set(figures)), sorted(set(figures) - fields)
        raise FuseproofError(f"{path}: missing figures {missing}, unknown figures {extra}")
    for name, figure in figures.items():
        if not figure.get("unit") or figure.get("source") not in sources:
            raise FuseproofError(f"{path}: figure {name!r} needs a unit, and a source that is listed under 'sources'")
    return {name: _frozen(figure["value"]) for name, figure in figures.items()}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
