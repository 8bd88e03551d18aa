"""The fit: it finds values that are known to be right, within their ranges, the same each time."""

import numpy as np
import pytest

from harness.validation import fit
from harness.validation.encoder import Recorded, predicted
from harness.validation.parameters import PARAMETERS, applied, values
from harness.validation.published import Cell

FEW = ("fp32-b1-s32", "fp32-b128-s128", "fp16-b1-s32", "fp16-b8-s64", "fp16-b128-s128")


@pytest.fixture(scope="module")
def few(records):
    return [record for record in records if record.cell.id in FEW]


def as_if_published(record, setting):
    """The cell whose published times are the model's own."""
    times = predicted(record, *setting)
    cell = record.cell
    made = Cell(cell.gpu, cell.dtype, cell.batch, cell.seq, {"pytorch_eager": times.eager, "fused": times.fused})
    return Recorded(made, record.eager, record.fused)


def test_the_committed_values_are_a_minimum(records, setting):
    """A step of 2 % in any parameter, up or down, makes the loss no smaller."""
    residuals, logs = fit._residuals_of(records, *setting), np.log(values(*setting))
    least = fit._loss(residuals(logs))
    for unit in np.eye(len(PARAMETERS)):
        for step in (-0.02, 0.02):
            assert fit._loss(residuals(logs + step * unit)) > 0.999 * least


def test_it_finds_values_that_made_the_times(few, setting):
    truth = [0.9, 0.6, 0.75, 400, 1500, 20_000, 60_000]
    made = [as_if_published(record, applied(truth, *setting)) for record in few]
    found = fit.fitted(made, *setting)
    for time in (predicted(record, *applied(found, *setting)) for record in made[:1]):
        assert time.eager == pytest.approx(made[0].cell.ms["pytorch_eager"], rel=0.01)
    assert found[0] == pytest.approx(0.9, rel=0.02)
    assert found[2] == pytest.approx(0.75, rel=0.02)
    assert found[5] == pytest.approx(20_000, rel=0.02)


def test_it_stays_inside_the_ranges(few, setting):
    """Times ten times too short ask for shares above 1: the fit gives the bound."""
    fast = [
        Recorded(Cell(it.cell.gpu, it.cell.dtype, it.cell.batch, it.cell.seq, {"pytorch_eager": 0.1, "fused": 0.1}), it.eager, it.fused)
        for it in few
    ]  # fmt: skip
    for parameter, value in zip(PARAMETERS, fit.fitted(fast, *setting), strict=True):
        assert parameter.low <= value <= parameter.high


def test_values_keep_three_digits():
    assert [fit.rounded(value) for value in (0.96249, 25_183.0, 2009.6)] == [0.962, 25_200.0, 2010.0]
