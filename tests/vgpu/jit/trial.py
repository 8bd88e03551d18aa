"""Runs models through the engine and says what is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

import numpy as np

from harness.vgpu.jit.target import Target
from tests.vgpu.jit.exact import NAN
from tests.vgpu.jit.models import Model
from tests.vgpu.jit.operand_values import values
from tests.vgpu.jit.ptx_bench import active, evaluate, sentinel

MOST_CASES = 40  # of one kernel
OPEN = ("lanes", "uniform")  # the paths that leave nothing out

Column = tuple[np.ndarray, np.ndarray]  # bits, and where any NaN will do


def faults(models: Iterable[Model], path: str, target: Target | None = None) -> list[str]:
    """One line for each model that the engine does not follow."""
    by_kinds: dict[tuple[str, ...], list[Model]] = defaultdict(list)
    for model in models:
        by_kinds[model.kinds].append(model)
    found = []
    for kinds, alike in by_kinds.items():
        kept = ~active(len(values(kinds)[0])) & (path not in OPEN)
        for start in range(0, len(alike), MOST_CASES):
            some = alike[start : start + MOST_CASES]
            results = evaluate([model.case for model in some], values(kinds), path, target)
            found += [_fault(model, columns, kept) for model, columns in zip(some, results, strict=True)]
    return [fault for fault in found if fault]


@cache
def expected(model: Model) -> list[Column]:
    """What each destination should hold; the halves of a pair are apart."""
    rows = [model.compute(*row) for row in zip(*(column.tolist() for column in values(model.kinds)), strict=True)]
    columns = zip(*(row if isinstance(row, tuple) else (row,) for row in rows), strict=True)
    return [
        (np.array([0 if bits == NAN else bits for bits in column], np.uint64),
         np.array([bits == NAN for bits in column]))
        for column in columns
    ]  # fmt: skip


def _fault(model: Model, columns: list[np.ndarray], kept: np.ndarray) -> str:
    """`kept`: results that a mask has left out, which still hold the sentinel."""
    before = [np.uint64(sentinel(type_)) for type_ in model.case.destinations]
    for (bits, any_nan), got, old in zip(expected(model), _parts(model, columns), _parts(model, before), strict=True):
        good = got == np.where(kept, old, bits)
        any_nan = any_nan & ~kept
        if model.result_format is not None:
            good[any_nan] = [model.result_format.is_nan(pattern) for pattern in got[any_nan].tolist()]
        if not good.all():
            at = int(np.flatnonzero(~good)[0])
            operands = ", ".join(f"{int(column[at]):#x}" for column in values(model.kinds))
            wanted = "the old value" if kept[at] else "a NaN" if any_nan[at] else f"{int(bits[at]):#x}"
            return f"{model.case.form}: {(~good).sum()} wrong, {operands} -> {int(got[at]):#x}, not {wanted}"
    return ""


def _parts(model: Model, columns: list) -> list:
    return [columns[0] & np.uint64(0xFFFF), columns[0] >> np.uint64(16)] if model.halves else columns
