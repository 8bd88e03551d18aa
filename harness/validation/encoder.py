"""The encoder tables predicted: BERT-base's 12 layers, eager and fused.

In: a published cell, a GPU, a host. Out: milliseconds. A layer's operations are recorded once and timed as often as a
fit asks; 12 equal layers take 12 times the steady period of one, since the published loops run 100 encoders in a row.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.validation import eager, fastertransformer
from harness.validation.parameters import clocked, tuned
from harness.validation.pipeline import Operation, Repetition, shared, steady
from harness.validation.published import Cell
from harness.vgpu import gpus, hosts
from harness.vgpu.gpus import Gpu
from harness.vgpu.hosts import Host

LAYERS = 12
PUBLISHED_CLOCK_HZ = 1_380_000_000  # README of FasterTransformer 2.1: "V100 (with mclk 877MHz, pclk 1380MHz)"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A cell with the operations of one layer."""

    cell: Cell
    eager: tuple[Operation, ...]
    fused: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of the whole encoder."""

    eager: float
    fused: float

    @property
    def speedup(self) -> float:
        return self.eager / self.fused


def published_setting() -> tuple[Gpu, Host]:
    """The V100 and the host of the published table."""
    return clocked(gpus.load("V100"), PUBLISHED_CLOCK_HZ), hosts.load("dgx1-2020")


def recorded(cell: Cell, gpu: Gpu) -> Recorded:
    """The layers of a cell."""
    size = (cell.dtype, cell.batch, cell.seq)
    return Recorded(cell, shared(eager.layer(*size, gpu)), shared(fastertransformer.layer(*size)))


def predicted(record: Recorded, gpu: Gpu, host: Host) -> Times:
    """What the model says of a cell."""
    return Times(_ms(steady(record.eager, gpu, host)), _ms(steady(record.fused, tuned(gpu), host)))


def published(cell: Cell) -> Times:
    """What the table says of it."""
    return Times(cell.ms["pytorch_eager"], cell.ms["fused"])


def _ms(layer: Repetition) -> float:
    return LAYERS * layer.period / 1e6
