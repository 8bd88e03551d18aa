"""A CUDA driver on the CPU: runs the PTX that nvcc emits, counts what it does, models how long it would take.

`open` puts it in place of NVIDIA's driver, for this process; after it, PyCUDA works as on a GPU:

    gpu = harness.vgpu.open("T4")
    import pycuda.autoinit
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.vgpu.opened import Vgpu


def open(gpu: str | None = None, host: str | None = None) -> Vgpu:
    """The process' vgpu, as the GPU and the host of these names; known ones are `gpus.names()` and `hosts.names()`.

    To be called before `pycuda.driver` is imported. Later calls return the same vgpu; another GPU or host starts a
    new clock, while memory, modules and streams stay.
    """
    from harness.vgpu import opened

    return opened.open(gpu, host)


def is_open() -> bool:
    """Whether this process runs on the vgpu."""
    return "harness.vgpu.opened" in sys.modules and sys.modules["harness.vgpu.opened"].loaded()
