"""Predicted beside published: cells, errors, medians and worst, for each published table.

In: the data files of GPUs and hosts. Out: a `Comparison` a table; the first is the one that was fitted, the others were
never looked at by the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from harness.validation import encoder
from harness.validation.encoder import LAYERS, Recorded, Times
from harness.validation.fastertransformer import layer
from harness.validation.parameters import tuned
from harness.validation.pipeline import shared, steady
from harness.validation.published import table
from harness.vgpu import gpus, hosts


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one cell: milliseconds, or a ratio."""

    published: float
    predicted: float

    @property
    def error(self) -> float:
        """Relative; positive where the model is too slow."""
        return self.predicted / self.published - 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """A published table against the model. `cells` are figures by column, by cell id."""

    title: str
    fitted: bool
    note: str
    cells: dict[str, dict[str, Figure]]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(next(iter(self.cells.values())))

    def errors(self, column: str) -> list[float]:
        """Absolute relative errors of a column."""
        return [abs(figures[column].error) for figures in self.cells.values()]

    def median(self, column: str) -> float:
        return median(self.errors(column))

    def worst(self, column: str) -> tuple[float, str]:
        """The largest error, and the cell."""
        return max((abs(figures[column].error), cell) for cell, figures in self.cells.items())


def fitted_table(records: Sequence[Recorded]) -> Comparison:
    """FasterTransformer 2.1's encoder on a V100, with the committed parameters."""
    setting = encoder.published_setting()
    cells = {it.cell.id: compared(encoder.predicted(it, *setting), encoder.published(it.cell)) for it in records}
    note = "V100 at 1380 MHz, host dgx1-2020. Eager: HuggingFace's layer in PyTorch 1.4; fused: its extension."
    return Comparison("Encoder on a V100, FasterTransformer 2.1", True, note, cells)


def left_out_table(records: Sequence[Recorded], times: Sequence[Times]) -> Comparison:
    """The same, each cell predicted by a fit to the other twenty-nine."""
    cells = {
        record.cell.id: compared(said, encoder.published(record.cell))
        for record, said in zip(records, times, strict=True)
    }
    return Comparison("The same, each cell left out of the fit that predicts it", False, "Leave-one-out.", cells)


def held_out_tables() -> list[Comparison]:
    """Other GPUs."""
    return [_t4(), _a100()]


def compared(said: Times, truth: Times) -> dict[str, Figure]:
    """Eager, fused and speedup."""
    return {
        "eager": Figure(truth.eager, said.eager),
        "fused": Figure(truth.fused, said.fused),
        "speedup": Figure(truth.speedup, said.speedup),
    }


def _t4() -> Comparison:
    gpu, host = gpus.load("T4"), hosts.load("xeon-e5-2603-v4")
    cells = {}
    for cell in table("fastertransformer_2_1_encoder_t4"):
        cells[cell.id] = compared(encoder.predicted(encoder.recorded(cell, gpu), gpu, host), encoder.published(cell))
    note = "Host xeon-e5-2603-v4: the DGX-1's figures by base clock. The T4's share of peak is a forum's, under 70 W."
    return Comparison("Encoder on a T4, FasterTransformer 2.1", False, note, cells)


def _a100() -> Comparison:
    gpu, host = tuned(gpus.load("A100")), hosts.load("server")
    cells = {}
    for cell in table("fastertransformer_4_encoder_a100"):
        layers = steady(shared(layer(cell.dtype, cell.batch, cell.seq)), gpu, host)
        cells[cell.id] = {"fused": Figure(cell.ms["fused"], LAYERS * layers.period / 1e6)}
    note = (
        "Host server. Version 4 has newer kernels than the 2.1 that is modelled here, so the model should be slower. "
        "Its TorchScript column is no eager one, and TF32 is not modelled."
    )
    return Comparison("Encoder on an A100, FasterTransformer 4.0, fused column in FP16", False, note, cells)
