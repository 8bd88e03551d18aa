"""Sizes too large to run: whether a kernel's first and last blocks find their elements beyond 2^32.

In: a suite, a case whose tensors have more elements than 32 bits count, the vgpu. Out: a `Verdict`. Inputs are a few
megabytes, mapped over and over; the output takes memory only where it is written. The launches are the real ones, on
all their blocks, of which the vgpu runs the first or the last ones, with every access checked against its buffer:
an index that became negative is a fault, one that wrapped leaves the last row unwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from harness.case import Case
from harness.device import Device
from harness.equality.compare import compare, failure
from harness.equality.poison import unwritten
from harness.equality.sparse import SparseEmpties
from harness.equality.tensors import map_tensors, outputs_of, to_double
from harness.equality.terms import Terms
from harness.equality.verdicts import nothing_compared
from harness.errors import FuseproofError
from harness.results.record import Verdict
from harness.suite import Suite

BLOCKS = (1, 16, 256)  # how many are tried, until the row at their end is written
COMPARED = 1 << 18  # elements at either end


def check(suite: Suite, case: Case, device: Device) -> Verdict:
    """The last blocks, then the first ones."""
    if device.vgpu is None:
        return nothing_compared(f"not run on {device.label}: it takes the vgpu to run a few blocks of a launch")
    inputs = suite.inputs(case, device.torch)
    verdicts = []
    for last in (True, False):
        verdict = _one_end(suite, case, device, inputs, last=last)
        if not verdict.passed:
            return verdict
        verdicts.append(verdict)
    return max(verdicts, key=lambda verdict: verdict.used)


def _one_end(suite: Suite, case: Case, device: Device, inputs: tuple[Any, ...], *, last: bool) -> Verdict:
    for blocks in BLOCKS:
        try:
            with _only(device, blocks, last=last), torch.no_grad(), SparseEmpties():
                outputs = outputs_of(suite.fused(*inputs), f"{suite.name}'s fused function")
        except FuseproofError as error:
            return failure(str(error))
        ends = [(name, _end(output, last=last)) for name, output in outputs]
        if all(not unwritten(end[-1 if last else 0]).any() for _, end in ends):
            return _compared(suite, case, inputs, [end for _, end in ends], len(outputs[0][1]), last=last)
    name, output = outputs[0]
    which, row = ("last", len(output) - 1) if last else ("first", 0)
    return failure(
        f"the {which} {BLOCKS[-1]} blocks do not write {name}[{row}], of shape {list(output.shape)}: "
        "an index of 32 bits that comes back at the beginning, or a grid that is cut off"
    )


@contextmanager
def _only(device: Device, blocks: int, *, last: bool) -> Iterator[None]:
    from harness.vgpu.run.mode import Mode

    assert device.vgpu is not None
    with device.vgpu.using(Mode(checked=True, counted=False, reverse=not last, last=blocks)):
        yield


def _end(tensor: torch.Tensor, *, last: bool) -> torch.Tensor:
    """A copy of the first or the last rows."""
    rows = max(1, COMPARED * len(tensor) // max(tensor.numel(), 1))
    return (tensor[-rows:] if last else tensor[:rows]).clone()


def _compared(
    suite: Suite, case: Case, inputs: tuple[Any, ...], ends: list[torch.Tensor], rows: int, *, last: bool
) -> Verdict:
    """What is written at this end, against the references on the rows there."""

    def cut(tensor: torch.Tensor) -> torch.Tensor:
        kept = tensor[-len(ends[0]) :] if last else tensor[: len(ends[0])]
        return (kept if tensor.dim() and len(tensor) == rows else tensor).clone()

    there = map_tensors(cut, inputs)
    with torch.no_grad():
        naive, oracle = suite.reference(*there), suite.reference(*to_double(there))
    expected = [tensor for _, tensor in outputs_of(naive, "the reference")]
    got = [torch.where(unwritten(end), right, end) for end, right in zip(ends, expected, strict=True)]
    terms = Terms(suite.tolerance.factor, suite.reduction_length(case), impostors=False)
    verdict = compare(tuple(got), tuple(expected), tuple(t for _, t in outputs_of(oracle, "the reference")), terms)
    if verdict.passed:
        return verdict
    where = f"of the {'last' if last else 'first'} {len(ends[0])} of {rows} rows: "
    return replace(verdict, reason=where + verdict.reason)
