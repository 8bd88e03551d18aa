"""The circumstances of a run that a result must not depend on: order of blocks, number of workers, content of
uninitialised memory, stream.

In: `Conditions`. Out: a block in which a fused function runs under them, on the device at hand. What a device cannot
vary stays as it is: a GPU chooses its own order, and the vgpu runs a launch when it is made, whatever its stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from harness.device import Device
from harness.equality.poison import Pattern, poison
from harness.equality.tensors import tensors_in

_DELAY = 20_000_000  # cycles that another stream waits: long after a launch elsewhere would have read its inputs


@dataclass(frozen=True, slots=True)
class Conditions:
    """`reverse`: blocks and warps of the vgpu in descending order. `workers`: threads that run blocks, 0 for one a
    core. `pattern`: what uninitialised memory holds. `other_stream`: torch's current stream is not the default one.
    """

    reverse: bool = False
    workers: int = 0
    pattern: Pattern = Pattern.NAN
    other_stream: bool = False


FIRST = Conditions()


def second(device: Device, *, small: bool) -> Conditions:
    """Everything that the device can vary, changed. One worker takes its time: only where the case is small."""
    if device.vgpu is None:
        return Conditions(pattern=Pattern.LARGE, other_stream=device.kind == "cuda")
    return Conditions(reverse=True, workers=1 if small else 0, pattern=Pattern.LARGE)


def single_changes(conditions: Conditions) -> list[tuple[Conditions, str]]:
    """The first conditions again, then with one thing changed at a time; each with what a difference then means."""
    changes: Sequence[tuple[dict[str, Any], str]] = (
        ({}, "it differs between two runs under the same conditions: a stale output, other state kept between calls, "
             "or a race"),
        ({"pattern": conditions.pattern}, "it depends on memory that nothing has written"),
        ({"reverse": conditions.reverse}, "it depends on the order of blocks or warps (a missing __syncthreads(), "
                                          "blocks that use each other's results), or on shared memory that nothing has "
                                          "written"),
        ({"workers": conditions.workers}, "it depends on how many blocks run at a time"),
        ({"other_stream": conditions.other_stream}, "it depends on torch's current stream: launch on it"),
    )  # fmt: skip
    made = [(replace(FIRST, **change), text) for change, text in changes]
    return [(one, text) for number, (one, text) in enumerate(made) if number == 0 or one != FIRST]


@contextmanager
def under(device: Device, conditions: Conditions, inputs: Any) -> Iterator[None]:
    """Run the block under these conditions; it ends when the device has ended its work."""
    if device.vgpu is not None:
        from harness.vgpu.run.mode import Mode

        mode = Mode(checked=True, counted=False, reverse=conditions.reverse, workers=conditions.workers)
        with device.vgpu.using(mode), device.vgpu.poisoning(conditions.pattern):
            yield
    elif conditions.other_stream:
        with _late_inputs(inputs):
            yield
    else:
        yield
    device.synchronize()


@contextmanager
def _late_inputs(inputs: Any) -> Iterator[None]:
    """Another stream of torch's is current, and on it the inputs get their values only after a while."""
    kept = [(tensor, tensor.clone()) for _, tensor in tensors_in(inputs, "input")]
    for tensor, _ in kept:
        poison(tensor)
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        torch.cuda._sleep(_DELAY)
        for tensor, values in kept:
            tensor.copy_(values)
        yield
    torch.cuda.current_stream().wait_stream(side)
