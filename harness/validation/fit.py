"""The fit: seven parameters to the thirty cells of one table, eager and fused times, in relative errors.

In: recorded cells, a GPU, a host. Out: values within their ranges. Damped Gauss-Newton steps (Levenberg-Marquardt) on
the logarithms of the parameters, with Charbonnier's loss, which is quadratic for errors below 5 % and linear above, so
that the outliers of the measurement (batch 1 with 128 tokens is slower than batch 8) do not steer it. Deterministic: no
random start, no search order that depends on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

import numpy as np
import numpy.typing as npt

from harness.validation.encoder import Recorded, Times, predicted, published
from harness.validation.parameters import PARAMETERS, applied
from harness.vgpu.gpus import Gpu
from harness.vgpu.hosts import Host

Floats = npt.NDArray[np.float64]

LINEAR_FROM = 0.05  # relative error
STEP = 0.01  # of the finite differences, relative
ITERATIONS, REFIT_ITERATIONS = 40, 2
ENOUGH = 1e-5  # relative gain below which it stops
DIGITS = 3  # that the data files keep


def fitted(records: Sequence[Recorded], gpu: Gpu, host: Host) -> list[float]:
    """The values that fit all cells best, rounded as the data files hold them."""
    found = _descend(
        _residuals_of(records, gpu, host), _logs([parameter.start for parameter in PARAMETERS]), ITERATIONS
    )
    return [rounded(value) for value in np.exp(found)]


def left_out(records: Sequence[Recorded], values: Sequence[float], gpu: Gpu, host: Host) -> list[Times]:
    """Each cell as predicted by a fit to the other ones."""
    times = []
    for index, record in enumerate(records):
        others = [*records[:index], *records[index + 1 :]]
        found = _descend(_residuals_of(others, gpu, host), _logs(values), REFIT_ITERATIONS)
        times.append(predicted(record, *applied(np.exp(found).tolist(), gpu, host)))
    return times


def rounded(value: float) -> float:
    """To the digits that a data file keeps."""
    return float(f"{value:.{DIGITS}g}")


def _residuals_of(records: Sequence[Recorded], gpu: Gpu, host: Host) -> Callable[[Floats], Floats]:
    def residuals(logs: Floats) -> Floats:
        setting = applied(np.exp(logs).tolist(), gpu, host)
        errors = []
        for record in records:
            said, truth = predicted(record, *setting), published(record.cell)
            errors += [log(said.eager / truth.eager), log(said.fused / truth.fused)]
        return np.array(errors)

    return residuals


def _descend(residuals: Callable[[Floats], Floats], start: Floats, iterations: int) -> Floats:
    low = _logs([parameter.low for parameter in PARAMETERS])
    high = _logs([parameter.high for parameter in PARAMETERS])
    at, damping = start, 1e-2
    errors = residuals(at)
    for _ in range(iterations):
        weights = 1 / np.sqrt(1 + (errors / LINEAR_FROM) ** 2)
        jacobian = np.stack([(residuals(at + STEP * unit) - errors) / STEP for unit in np.eye(len(at))], axis=1)
        normal, gradient = jacobian.T @ (weights[:, None] * jacobian), jacobian.T @ (weights * errors)
        before = _loss(errors)
        for _ in range(8):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), -gradient)
            tried = np.clip(at + np.clip(step, -0.5, 0.5), low, high)
            found = residuals(tried)
            if _loss(found) < before:
                at, errors, damping = tried, found, damping / 3
                break
            damping *= 4
        if before - _loss(errors) < ENOUGH * before:
            return at
    return at


def _loss(errors: Floats) -> float:
    return float(np.sum(np.sqrt(1 + (errors / LINEAR_FROM) ** 2) - 1))


def _logs(values: Sequence[float]) -> Floats:
    return np.log(np.array(values, np.float64))
