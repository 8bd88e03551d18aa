"""Which device: `vgpu`, `vgpu:A100`, `vgpu:V100:dgx1-2020` (a GPU and the host that drives it), `cuda`, `cuda:1`.

In: the text of --device or of $FUSEPROOF_DEVICE. Out: a `DeviceSpec`, checked against what exists by name.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, TypeAlias

from harness.errors import FuseproofError
from harness.vgpu import gpus, hosts

Kind: TypeAlias = Literal["cuda", "vgpu"]


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """`gpu` and `host` name the vgpu's data files; `index` is the CUDA GPU's number."""

    kind: Kind
    gpu: str = ""
    index: int = 0
    host: str = hosts.DEFAULT

    @property
    def label(self) -> str:
        if self.kind == "cuda":
            return f"cuda:{self.index}"
        return f"vgpu:{self.gpu}" if self.host == hosts.DEFAULT else f"vgpu:{self.gpu}:{self.host}"


def parse_spec(text: str | None = None) -> DeviceSpec:
    """The device that `text` names; without text $FUSEPROOF_DEVICE, then the default."""
    text = text or os.environ.get("FUSEPROOF_DEVICE")
    if not text:
        return default_spec()
    kind, _, which = text.partition(":")
    if kind == "vgpu":
        gpu, _, host = which.partition(":")
        return DeviceSpec("vgpu", gpu=_named(gpu or gpus.DEFAULT, gpus), host=_named(host or hosts.DEFAULT, hosts))
    if kind == "cuda" and (not which or which.isdecimal()):
        return DeviceSpec("cuda", index=int(which or 0))
    raise FuseproofError(
        f"no device is called {text!r}: it is vgpu, vgpu:GPU, vgpu:GPU:HOST, cuda or cuda:N (see `fuseproof devices`)"
    )


def default_spec() -> DeviceSpec:
    """cuda:0 where a GPU answers and torch can use it, else the vgpu."""
    if cuda_gpus() and torch_has_cuda():
        return DeviceSpec("cuda")
    return DeviceSpec("vgpu", gpu=gpus.DEFAULT)


def require(spec: DeviceSpec) -> None:
    """An error in one sentence where this machine cannot open the device."""
    if spec.kind != "cuda":
        return
    count = cuda_gpus()
    if spec.index >= count:
        found = f"this machine has {count}" if count else "no CUDA GPU answers on this machine"
        raise FuseproofError(f"{spec.label} cannot be opened: {found}; --device vgpu needs none.")
    if not torch_has_cuda():
        raise FuseproofError(
            f"{spec.label} cannot be used: this torch is built without CUDA; --device vgpu needs none."
        )


def cuda_gpus() -> int:
    """How many GPUs the CUDA driver of this machine reports: 0 without a driver. Ask before the vgpu is opened."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def torch_has_cuda() -> bool:
    """Whether the installed torch was built for CUDA."""
    import torch

    return torch.version.cuda is not None


def _named(name: str, files: ModuleType) -> str:
    """The name as its data file has it; `files` are the GPUs or the hosts."""
    known = {each.lower(): each for each in files.names()}
    if name.lower() not in known:
        raise FuseproofError(f"the vgpu has no data for {name!r}: it can be {', '.join(sorted(known.values()))}")
    return known[name.lower()]
