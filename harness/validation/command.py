"""`fuseproof validate-model`: the published tables predicted, the parameters, and, where asked, the fit again.

In: options. Out: a `Validation`, which reports/validation renders, and result.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.validation import encoder, fit
from harness.validation.comparison import Comparison, fitted_table, held_out_tables, left_out_table
from harness.validation.encoder import Recorded, Times
from harness.validation.parameters import PARAMETERS, Parameter, values
from harness.validation.published import table
from harness.validation.stated import PATH, result, summary_of

FITTED_TABLE = "fastertransformer_2_1_encoder_v100"


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter as the data files hold it; `fitted` where the fit was run again."""

    parameter: Parameter
    committed: float
    fitted: float | None = None

    @property
    def reproduced(self) -> bool:
        return self.fitted is None or self.fitted == self.committed


@dataclass(frozen=True, slots=True)
class Validation:
    """Everything that the report shows. `tables`: the fitted one first."""

    values: tuple[Value, ...]
    tables: tuple[Comparison, ...]
    left_out: Comparison
    left_out_times: tuple[Times, ...]

    @property
    def reproduced(self) -> bool:
        return all(value.reproduced for value in self.values)


def validate(*, refit: bool = False) -> Validation:
    """Predict every table; with `refit`, fit again and leave each cell out once (minutes)."""
    setting = encoder.published_setting()
    records = [encoder.recorded(cell, setting[0]) for cell in table(FITTED_TABLE)]
    committed = values(*setting)
    found: Sequence[float | None] = fit.fitted(records, *setting) if refit else [None] * len(committed)
    shown = tuple(Value(*row) for row in zip(PARAMETERS, committed, found, strict=True))
    times = fit.left_out(records, committed, *setting) if refit else committed_left_out(records)
    tables = (fitted_table(records), *held_out_tables())
    return Validation(shown, tables, left_out_table(records, times), tuple(times))


def committed_left_out(records: Sequence[Recorded]) -> list[Times]:
    """The leave-one-out times of result.json."""
    kept = result()["left_out_ms"]
    return [Times(*kept[record.cell.id]) for record in records]


def write_result(validation: Validation) -> Path:
    """result.json: the errors that modelled tables state, and the leave-one-out times."""
    times = {
        cell: [round(times.eager, 3), round(times.fused, 3)]
        for cell, times in zip(validation.left_out.cells, validation.left_out_times, strict=True)
    }
    kept = {"tables": summary_of(validation.tables), "left_out_ms": times}
    PATH.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return PATH
