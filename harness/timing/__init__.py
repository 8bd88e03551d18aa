"""Times a function on the device: measured on a GPU, modelled on the vgpu; the record is the same.

In: a function and its inputs. Out: a `Profile`, or one for each way of running it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from harness.results.record import Profile, Side, Variant, Way

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


def profiles(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    name: str,
    side: Side,
    device: Device,
    ways: Sequence[Way] = (),
) -> tuple[Variant, ...]:
    """The eager variant, and one for each further way, with its profile or the reason why there is none."""
    if device.kind == "vgpu":
        from harness.timing import modelled

        assert device.vgpu is not None
        made = modelled.profiles(function, inputs, name=name, vgpu=device.vgpu, ways=ways)
    else:
        from harness.timing import measured

        made = measured.profiles(function, inputs, name=name, device=device, ways=ways)
    return tuple(
        Variant(side, way, None, result) if isinstance(result, str) else Variant(side, way, result)
        for way, result in made.items()
    )


def launches(function: Callable[..., Any], inputs: Sequence[Any], *, name: str, device: Device) -> int:
    """How many kernels `function(*inputs)` puts on the vgpu: counted without the counters that a profile needs."""
    from harness.timing import modelled

    assert device.vgpu is not None
    return modelled.launches(function, inputs, name=name, vgpu=device.vgpu)
