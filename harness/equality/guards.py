"""Guards around a call of a fused function: nothing may look right by luck.

In: a function and its inputs. Out: its outputs, or a `GuardError` that says what it did: changed an input, wrote beside
a buffer, left part of an output unwritten (it holds poison), returned other bits at a second run, or the same ones for
other inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from harness.equality.poison import Pattern, PoisonedEmpties, poison, unwritten
from harness.equality.redzones import RedZones, ZonedEmpties
from harness.equality.tensors import map_tensors, outputs_of, same_bits, tensors_in, tensors_of_call
from harness.equality.written import is_written, memory, snapshots, taken_out
from harness.errors import FuseproofError

__all__ = ["Call", "GuardError", "changed_inputs", "guarded_call", "poison", "repeated_call", "unwritten"]


class GuardError(FuseproofError):
    """What a guard saw; `output`, `index` and `got` say where and what, if at an output's element."""

    def __init__(self, message: str, output: str = "", index: tuple[int, ...] = (), got: float = 0.0) -> None:
        super().__init__(message)
        self.output, self.index, self.got = output, index, got


@dataclass(frozen=True, slots=True)
class Call:
    """What is called: a function with inputs, a name for messages, its arguments' names, those that it may write into;
    `zones` around the inputs."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    name: str
    arguments: Sequence[str] = ()
    writes: Sequence[str] = ()
    zones: RedZones | None = None

    def between_zones(self) -> Call:
        """The same call, with inputs that lie between red zones; at each run its allocations will, too."""
        zones = RedZones()
        names = iter([name for name, _ in self.tensors()])

        def placed(tensor: torch.Tensor) -> torch.Tensor:
            name = next(names)
            return zones.copy(tensor, name) if tensor.numel() and not tensor.is_complex() else tensor

        return replace(self, inputs=map_tensors(placed, self.inputs), zones=zones)

    def tensors(self) -> list[tuple[str, torch.Tensor]]:
        """The tensors among the inputs, by the arguments' names."""
        return list(tensors_of_call(self.inputs, self.arguments))


def guarded_call(call: Call, pattern: Pattern = Pattern.NAN) -> Any:
    """Call with poisoned allocations; the inputs, and the memory that they are views of, must keep their bits.

    What it returns of an argument that it may write into is copied out of it before that is looked at.
    """
    before = [(tensor.clone(), None if call.zones else _surroundings(tensor)) for _, tensor in call.tensors()]
    written = snapshots(call.tensors(), call.writes)
    zones = RedZones()
    with torch.no_grad(), ZonedEmpties(zones, pattern) if call.zones else PoisonedEmpties(pattern):
        made = call.function(*call.inputs)
    made = taken_out(made, written)
    if where := (call.zones.damaged() if call.zones else "") or zones.damaged():
        raise GuardError(f"{call.name} wrote {where}")
    for (values, around), (name, tensor) in zip(before, call.tensors(), strict=True):
        if not (unchanged := same_bits(values, tensor)).all():
            may = "it may write only what it returns" if is_written(name, call.writes) else "inputs are read only"
            raise GuardError(f"{call.name} changed {name} at {list(first_false(unchanged))}: {may}")
        if around is not None and not torch.equal(around, memory(tensor)):
            raise GuardError(f"{call.name} wrote beside {name}, into the memory that it is a view of")
    return made


def repeated_call(run: Callable[[], Any], call: Call, first: Any, blame: Callable[[], str] = lambda: "") -> None:
    """Run again, after the outputs of the `first` run were copied and then poisoned: the bits must be the same.

    A function that skips its work at the second call returns poison, and shows. `blame` says, where they are not,
    which change of circumstances it takes.
    """
    kept = map_tensors(torch.clone, first)
    owned = {tensor.untyped_storage().data_ptr() for _, tensor in call.tensors()}
    for _, tensor in outputs_of(first, call.name):
        if tensor.untyped_storage().data_ptr() not in owned:
            poison(tensor)
    if difference := unlike(kept, run(), call.name):
        reason = f"; {cause}" if (cause := blame()) else ""
        raise GuardError(f"{difference}{reason}", *difference.place) from None


class Difference(str):
    """Two runs' outputs, in words; `place` is output, index, and what the second run has there."""

    place: tuple[Any, ...] = ()


def unlike(one: Any, other: Any, name: str) -> Difference | None:
    """How the outputs of two runs differ in their bits; None where they do not."""
    for (output, kept), (_, now) in zip(outputs_of(one, name), outputs_of(other, name), strict=True):
        if kept.shape != now.shape or kept.dtype != now.dtype:
            return Difference(f"{name} returned another shape or dtype at its second run")
        if not (same := same_bits(kept, now)).all():
            at = first_false(same)
            found = Difference(
                f"{name} run twice on the same inputs: {output}{list(at)} was {kept[at].item()!r}, then "
                f"{now[at].item()!r}"
            )
            found.place = (output, at, float(now[at]))
            return found
    return None


def changed_inputs(inputs: tuple[Any, ...]) -> None:
    """Put other values into the same memory: every floating tensor's own, each one place further."""
    for _, tensor in tensors_in(inputs, "input"):
        if tensor.is_floating_point() and tensor.numel():
            tensor.copy_(tensor * 1.25 if tensor.numel() == 1 else tensor.reshape(-1).roll(1).reshape(tensor.shape))


def first_false(kept: torch.Tensor) -> tuple[int, ...]:
    """The first index, row by row, where a boolean tensor is false."""
    return tuple(int(position) for position in (~kept).nonzero()[0])


def _surroundings(tensor: torch.Tensor) -> torch.Tensor | None:
    """A copy of all the memory that a view lies in; None where the tensor fills it."""
    if tensor.untyped_storage().nbytes() <= tensor.numel() * tensor.element_size():
        return None
    return memory(tensor).clone()
