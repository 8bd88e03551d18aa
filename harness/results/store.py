"""A run as JSON, there and back: the same run writes the same bytes.

In: a `Run` and a path. Out: the file, with sorted keys; or the `Run` that a file holds. JSON has no NaN and no
infinities: they are written as the words "nan", "inf" and "-inf" in the fields of type float. Files of older formats
are read as well: what they lack has a default in the record.
"""

from __future__ import annotations

import json
import math
import types
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from harness.errors import FuseproofError
from harness.results.record import CaseResult, Run

FORMAT = 2
OLDER = (1,)  # without launch budgets and counters
FILE = "results.json"


def save(run: Run, path: Path) -> None:
    """Write a run, over what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(run) + "\n")


def load(path: Path) -> Run:
    """Read a run: from its file, or from the results.json of a folder."""
    path = path / FILE if path.is_dir() else path
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise FuseproofError(f"no run can be read from {path}: {error.strerror}") from error
    except ValueError as error:
        raise FuseproofError(f"{path} is no JSON of a run: {error}") from error
    if not isinstance(content, dict) or content.get("format") not in (FORMAT, *OLDER):
        formats = ", ".join(map(str, (*OLDER, FORMAT)))
        raise FuseproofError(f"{path} is no run of format {formats}: was it written by another version of fuseproof?")
    try:
        return run_from_plain(content["run"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FuseproofError(f"{path} holds no whole run ({error}): write it again with fuseproof run") from error


def to_json(run: Run) -> str:
    content = {"format": FORMAT, "run": run_to_plain(run)}
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False)


def result_to_plain(result: CaseResult) -> dict[str, Any]:
    """One result as dicts, lists, numbers and text, as in the file: what travels between processes."""
    return _plain(asdict(result))


def result_from_plain(content: dict[str, Any]) -> CaseResult:
    return _from_plain(CaseResult, content)


def run_to_plain(run: Run) -> dict[str, Any]:
    return _plain(asdict(run))


def run_from_plain(content: dict[str, Any]) -> Run:
    return _from_plain(Run, content)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _from_plain(kind: Any, value: Any) -> Any:
    """Build a value of type `kind`: the types of the record's fields say what each piece of JSON is."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        kind = next(one for one in inner if one is not type(None))
        return value if len(inner) > 2 or kind in (int, str) else _from_plain(kind, value)
    if origin is Literal or kind in (int, str, bool):
        return value
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        known = [field for field in fields(kind) if field.name in value]  # older files lack what has a default now
        return kind(**{field.name: _from_plain(hints[field.name], value[field.name]) for field in known})
    if origin is tuple:
        return tuple(_from_plain(inner[0], item) for item in value)
    if origin is dict:
        return {key: _from_plain(inner[1], item) for key, item in value.items()}
    return float(value)
