"""Opens the device and keeps it: one a process, because PyCUDA binds to one driver for good.

In: a `DeviceSpec` or its text. Out: a `Device`, with a CUDA context current that torch shares on a GPU.
"""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.device.spec import DeviceSpec, Kind, parse_spec, require
from harness.errors import FuseproofError
from harness.results.record import Source

if TYPE_CHECKING:
    import torch

    from harness.vgpu import Vgpu


@dataclass(frozen=True, eq=False)
class Device:
    """What a run asks of its device. `torch` is where tensors live: for the vgpu the CPU, whose memory it shares."""

    kind: Kind
    label: str  # "vgpu:T4", "cuda:0"
    name: str  # "NVIDIA H100 80GB HBM3"
    source: Source  # where times come from
    torch: torch.device
    compute_capability: tuple[int, int]  # what kernels are compiled for
    vgpu: Vgpu | None = None
    context: Any = field(default=None, repr=False)  # PyCUDA's, current in the thread that opened the device

    def synchronize(self) -> None:
        """Wait until everything launched has ended."""
        self.context.synchronize()


_opened: Device | None = None


def current() -> Device:
    """The device of this process; opened with the default choice if none was opened before."""
    return _opened or open_device()


def open_device(spec: DeviceSpec | str | None = None) -> Device:
    """Open a device, or return the one that is open if it is the same."""
    global _opened
    if _opened and spec is None:
        return _opened
    wanted = spec if isinstance(spec, DeviceSpec) else parse_spec(spec)
    if _opened is None:
        _opened = _open_vgpu(wanted) if wanted.kind == "vgpu" else _open_cuda(wanted)
    elif _opened.label != wanted.label:
        raise FuseproofError(f"this process runs on {_opened.label}: start another one for {wanted.label}")
    return _opened


def _open_vgpu(spec: DeviceSpec) -> Device:
    import torch

    from harness import vgpu

    opened = vgpu.open(gpu=spec.gpu, host=spec.host)
    return Device(
        kind="vgpu",
        label=spec.label,
        name=f"{opened.gpu.full_name} (virtual)",
        source="modelled",
        torch=torch.device("cpu"),
        compute_capability=opened.gpu.compile_capability,
        vgpu=opened,
        context=_primary_context(0),
    )


def _open_cuda(spec: DeviceSpec) -> Device:
    require(spec)
    import torch

    torch.cuda.set_device(spec.index)
    torch.zeros(1, device="cuda")  # creates the primary context that PyCUDA then shares
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return Device(
        kind="cuda",
        label=spec.label,
        name=torch.cuda.get_device_name(spec.index),
        source="measured",
        torch=torch.device("cuda", spec.index),
        compute_capability=torch.cuda.get_device_capability(spec.index),
        context=_primary_context(spec.index),
    )


def _primary_context(index: int) -> Any:
    """The device's primary context, made current; let go at exit, where PyCUDA aborts on one that is left."""
    import pycuda.driver

    pycuda.driver.init()
    context = pycuda.driver.Device(index).retain_primary_context()
    context.push()
    atexit.register(context.detach)
    return context
