"""The one driver of the process: which GPU it is, its clock, and how kernels are run.

Made by the first use; `harness.vgpu.open` sets the GPU, else $FUSEPROOF_GPU, else the default GPU.
"""

from __future__ import annotations

import os

from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock
from harness.vgpu.gpus import Gpu
from harness.vgpu.hosts import Host
from harness.vgpu.run.codes import QUICK_WARPS
from harness.vgpu.run.mode import Mode

CUDA_VERSION = 13000


class Driver:
    """`become` changes the GPU and starts a new clock; memory, modules and streams stay."""

    def __init__(self) -> None:
        self.started = False  # by cuInit
        self.mode = Mode()
        self.quick_warps = QUICK_WARPS  # of the modules that are loaded from now on
        self.become(gpus.load(os.environ.get("FUSEPROOF_GPU") or gpus.DEFAULT), hosts.load())

    def become(self, gpu: Gpu, host: Host) -> None:
        self.gpu = gpu
        self.clock = Clock(gpu, host)


driver = Driver()
