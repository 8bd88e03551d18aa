"""The model's stated error: what every modelled table says of itself, from the committed validation.

In: data/result.json, which `fuseproof validate-model --write` makes. Out: a sentence. Nothing heavy is imported.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.validation.comparison import Comparison

PATH = Path(__file__).parent / "data" / "result.json"


@functools.cache
def result() -> dict[str, Any]:
    """The committed result: tables by title, and the times of the leave-one-out fits."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def stated_error() -> str:
    """Medians and worst cases of the table that was fitted and of those that were not."""
    fitted, *others = result()["tables"]
    held_out = "; ".join(_sentence(table) for table in others)
    return f"model's error, from docs/model-validation.md: {_sentence(fitted)} (fitted); not fitted: {held_out}"


def summary_of(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """What result.json keeps of each table, in per cent."""
    return [
        {
            "title": comparison.title,
            "columns": {
                column: {
                    "median": round(100 * comparison.median(column), 1),
                    "worst": round(100 * comparison.worst(column)[0], 1),
                }
                for column in comparison.columns
            },
        }
        for comparison in comparisons
    ]


def _sentence(table: dict[str, Any]) -> str:
    figures = table["columns"].items()
    listed = ", ".join(f"{column} {errors['median']} % (worst {errors['worst']} %)" for column, errors in figures)
    return f"{table['title']}: median {listed}"
