"""Times a function on the device: measured on a GPU, modelled on the vgpu; the record is the same.

In: a function and its inputs. Out: a `Profile`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from harness.results.record import Profile

if TYPE_CHECKING:
    from harness.device import Device


def profile(function: Callable[..., Any], inputs: Sequence[Any], *, name: str, device: Device) -> Profile:
    """The profile of `function(*inputs)` inside a range named `name`."""
    if device.kind == "vgpu":
        from harness.timing import modelled

        assert device.vgpu is not None
        return modelled.profile(function, inputs, name=name, vgpu=device.vgpu)
    from harness.timing import measured

    return measured.profile(function, inputs, name=name, device=device)
