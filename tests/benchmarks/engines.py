"""The engines under comparison: each makes a case ready and hands back a function that runs it once.

Inputs and outputs are NumPy arrays of the case, which all engines use in place.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.compiler import find_nvcc
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.module import LoadedModule, load
from tests.benchmarks.cases import Arguments, Case, Launch

HERE = Path(__file__).parent
Run = Callable[[], Any]


def three(extent: Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*extent, 1, 1)[:3]
    return x, y, z


def compile_ptx(source: Path) -> str:
    command = [str(find_nvcc()), "-arch=compute_80", "-std=c++17", "-O3", "-ptx", "-o", "-", str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Vgpu:
    """Our engine, in fast mode."""

    def __init__(self) -> None:
        self.module: LoadedModule = load(compile_ptx(HERE / "cuda.cu"), "cuda.ptx")

    def prepare(self, case: Case, arguments: Arguments, workers: int) -> Run:
        kernel = self.module.kernels[case.kernel]
        parameters = bytearray(kernel.parameter_bytes)
        for place, argument in zip(kernel.parameters, arguments, strict=True):
            if isinstance(argument, np.ndarray):
                content = argument.ctypes.data.to_bytes(8, "little")
            else:
                content = argument.tobytes()
            parameters[place.offset : place.offset + place.size] = content
        grid, block = three(case.cuda.grid), three(case.cuda.block)
        mode = Mode(checked=False, counted=False, workers=workers)
        return lambda: kernel.launch(grid, block, 0, bytes(parameters), mode)


class Pocl:
    """PoCL's CPU device; of `workers` cores by partition."""

    def __init__(self) -> None:
        os.environ.setdefault("PYOPENCL_NO_CACHE", "1")
        import pyopencl

        self.cl = pyopencl
        device = pyopencl.get_platforms()[0].get_devices()[0]
        self.device, self.cores = device, device.max_compute_units
        self.queues: dict[int, Any] = {}

    def _queue(self, workers: int) -> tuple[Any, Any, Any]:
        if workers not in self.queues:
            device = self.device
            if workers < self.cores:
                device = device.create_sub_devices([self.cl.device_partition_property.BY_COUNTS, workers, 0])[0]
            context = self.cl.Context([device])
            program = self.cl.Program(context, (HERE / "opencl.cl").read_text())
            self.queues[workers] = (
                context, self.cl.CommandQueue(context), program.build([f"-I{HERE}", "-cl-mad-enable"])
            )  # fmt: skip
        return self.queues[workers]

    def prepare(self, case: Case, arguments: Arguments, workers: int) -> Run:
        context, queue, program = self._queue(workers)
        flags = self.cl.mem_flags.READ_WRITE | self.cl.mem_flags.USE_HOST_PTR
        kernel = self.cl.Kernel(program, case.kernel)
        passed = [self.cl.Buffer(context, flags, hostbuf=a) if isinstance(a, np.ndarray) else a for a in arguments]
        kernel.set_args(*passed)
        launch: Launch = case.opencl or case.cuda
        grid, block = three(launch.grid), three(launch.block)
        threads = tuple(g * b for g, b in zip(grid, block, strict=True))

        def run(kept: object = passed) -> None:  # the kernel does not keep its buffers
            self.cl.enqueue_nd_range_kernel(queue, kernel, threads, block)
            queue.finish()

        return run


class Torch:
    """torch's CPU operators, new outputs at each call as a user has them."""

    def prepare(self, case: Case, arguments: Arguments, workers: int) -> Run:
        tensors = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]

        def run() -> list[torch.Tensor]:
            torch.set_num_threads(workers)
            return case.answer(*tensors)

        return run


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "an unknown CPU"


def load_average() -> float:
    loads = (ctypes.c_double * 1)()
    ctypes.CDLL(None).getloadavg(loads, 1)
    return loads[0]
