"""Sizes too large to run: whether a kernel's first and last blocks find their elements beyond 2^32.

In: a suite, a case whose tensors have more elements than 32 bits count, the vgpu. Out: a `Verdict`. Inputs are a few
megabytes, mapped over and over; the output takes memory only where it is written. The launches are the real ones, on
all their blocks, of which the vgpu runs the first or the last ones, with every access checked against its buffer:
an index that became negative is a fault, one that wrapped leaves the last row unwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from harness.case import Case
from harness.device import Device
from harness.equality.compare import compare, failure
from harness.equality.poison import unwritten
from harness.equality.replay import compare_replayed
from harness.equality.sparse import LARGE, PERIOD, SparseEmpties, repeated
from harness.equality.tensors import argument_names, map_tensors, outputs_of, same_bits, tensors_of_call, to_double
from harness.equality.terms import Terms
from harness.equality.verdicts import nothing_compared
from harness.equality.written import Snapshots, is_written, memory, same_place
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
        ours = _writable(suite, inputs)
        try:
            with _only(device, blocks, last=last), torch.no_grad(), SparseEmpties():
                outputs = outputs_of(suite.fused(*ours.inputs), f"{suite.name}'s fused function")
        except FuseproofError as error:
            return failure(str(error))
        ends = _ends(suite, outputs, ours, last=last)
        # only the reference tells what of a given buffer should have changed, or whether an earlier launch ran enough
        if suite.writes or (suite.expected_launches(case) or 1) > 1:
            verdict = _compared(suite, case, inputs, ends)
            if verdict.passed or blocks == BLOCKS[-1]:
                return verdict
        elif all(end.is_written() for end in ends):
            return _compared(suite, case, inputs, ends)
    end = ends[0]
    return failure(
        f"the {end.which} {BLOCKS[-1]} blocks do not write {end.name}[{', '.join(end.place)}], of shape "
        f"{list(end.output.shape)}: an index of 32 bits that comes back at the beginning, or a grid that is cut off"
    )


@contextmanager
def _only(device: Device, blocks: int, *, last: bool) -> Iterator[None]:
    from harness.vgpu.run.mode import Mode

    assert device.vgpu is not None
    with device.vgpu.using(Mode(checked=True, counted=False, reverse=not last, last=blocks)):
        yield


@dataclass(frozen=True, slots=True)
class _Writable:
    """Inputs, of which those that are written lie in memory of their own; `before` has, by the address of that
    memory, what it held."""

    inputs: tuple[Any, ...]
    before: Snapshots


def _writable(suite: Suite, inputs: tuple[Any, ...]) -> _Writable:
    before: Snapshots = {}
    names = iter([name for name, _ in tensors_of_call(inputs, argument_names(suite.reference))])

    def place(tensor: torch.Tensor) -> torch.Tensor:
        if not is_written(next(names), suite.writes):
            return tensor
        kept = memory(tensor)
        mapped = len(kept) >= LARGE * tensor.element_size()
        own = repeated(kept[:PERIOD], kept.shape, own_pages=True) if mapped else kept.clone()
        before[own.untyped_storage().data_ptr()] = kept
        return same_place(tensor, own)

    return _Writable(map_tensors(place, inputs), before)


@dataclass(frozen=True)
class _End:
    """The first or the last rows of an output, of which `kept` are compared; rows lie along `axis`. `before` is what
    the output held, where it is a part of an input."""

    name: str
    output: torch.Tensor
    axis: int
    last: bool
    kept: int
    before: torch.Tensor | None

    @property
    def which(self) -> str:
        return "last" if self.last else "first"

    @property
    def rows(self) -> int:
        return self.output.shape[self.axis]

    @property
    def place(self) -> list[str]:
        """The outermost row, as an index."""
        return [*(":" * self.axis), str(self.rows - 1 if self.last else 0)]

    @cached_property
    def values(self) -> torch.Tensor:
        """A copy of these rows."""
        return self.cut(self.output, self.axis)

    @cached_property
    def unwritten(self) -> torch.Tensor:
        """Which of their elements hold what was there before."""
        if self.before is None:
            return unwritten(self.values)
        return same_bits(self.values, self.cut(self.before, self.axis))

    def outermost(self, tensor: torch.Tensor) -> torch.Tensor:
        """Of these rows the one at the end."""
        return tensor.select(self.axis, -1 if self.last else 0)

    def is_written(self) -> bool:
        """Whether all of the outermost row was."""
        return not bool(self.outermost(self.unwritten).any())

    @cached_property
    def unwritten_rows(self) -> torch.Tensor:
        """Which rows hold nothing else."""
        return self.unwritten.movedim(self.axis, 0).reshape(self.kept, -1).all(dim=1)

    def filled_up(self, right: torch.Tensor, unwritten: torch.Tensor) -> torch.Tensor:
        """The right values where no block wrote; the outermost row as it is. Flags have no spare value to tell: theirs
        were written where the rows of other outputs were."""
        told = self.unwritten if self.values.dtype != torch.bool else unwritten.expand(self.values.shape)
        missing = told.clone()
        self.outermost(missing).fill_(False)
        return torch.where(missing, right, self.values)

    def cut(self, tensor: torch.Tensor, axis: int) -> torch.Tensor:
        """A copy of the same rows of an argument; of all of one that has no such rows."""
        if tensor.dim() <= axis or tensor.shape[axis] != self.rows:
            return tensor.clone()
        return tensor.narrow(axis, self.rows - self.kept if self.last else 0, self.kept).clone()


def _ends(suite: Suite, outputs: list[tuple[str, torch.Tensor]], ours: _Writable, *, last: bool) -> list[_End]:
    """Of every output as many rows as of the one that has the longest, or of an input with longer ones."""
    axes = [suite.far_axis.get(name, 0) for name, _ in outputs]
    arguments = [
        (suite.far_axis.get(name, 0), tensor)
        for name, tensor in tensors_of_call(ours.inputs, argument_names(suite.reference))
    ]
    rows = outputs[0][1].shape[axes[0]]
    longer = [(axis, one) for axis, one in arguments if one.dim() > axis and one.shape[axis] == rows]
    written = [(axis, output) for axis, (_, output) in zip(axes, outputs, strict=True)]
    kept = min(max(1, COMPARED * one.shape[axis] // max(one.numel(), 1)) for axis, one in (*written, *longer))
    ends = []
    for axis, (name, output) in zip(axes, outputs, strict=True):
        held = ours.before.get(output.untyped_storage().data_ptr())
        before = None if held is None else same_place(output, held)
        ends.append(_End(name, output, axis, last, min(kept, output.shape[axis]), before))
    return ends


def _compared(suite: Suite, case: Case, inputs: tuple[Any, ...], ends: list[_End]) -> Verdict:
    """What is written at this end, against the references on the rows there."""
    first = ends[0]
    names = iter([name for name, _ in tensors_of_call(inputs, argument_names(suite.reference))])
    there = map_tensors(lambda tensor: first.cut(tensor, suite.far_axis.get(next(names), 0)), inputs)
    with torch.no_grad():
        naive, oracle = suite.reference(*there), suite.reference(*to_double(there))
    expected = [tensor for _, tensor in outputs_of(naive, "the reference")]
    telling = next((end for end in ends if end.values.dtype != torch.bool), first)
    missing = telling.unwritten_rows
    got = [
        end.filled_up(right, missing.view(*(1,) * end.axis, -1, *(1,) * (end.values.dim() - end.axis - 1)))
        for end, right in zip(ends, expected, strict=True)
    ]
    terms = Terms(suite.tolerance.factor, suite.reduction_length(case), arguments=there, impostors=False)
    if suite.replay:
        verdict = compare_replayed(tuple(got), tuple(expected), suite.replay, terms)
    else:
        verdict = compare(tuple(got), tuple(expected), tuple(t for _, t in outputs_of(oracle, "the reference")), terms)
    if verdict.passed:
        return verdict
    where = f"of the {first.which} {first.kept} of {first.rows} rows: "
    return replace(verdict, reason=where + verdict.reason)
