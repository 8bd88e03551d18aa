"""How long one repetition takes where a program repeats the same work: the host thread, one stream, and its waits.

In: the operations of one repetition (a layer, a decoding step), a GPU, a host. Out: nanoseconds from one repetition to
the next once the pipeline is full. The rules are the virtual clock's (harness/vgpu/clock.py), which a test compares;
they are repeated here on bare numbers because a fit evaluates them many thousand times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.timing.torch_launches.charge import kernel_duration
from harness.timing.torch_launches.launch import Copy, Kernel, Launch, MatrixProduct, Memset
from harness.timing.torch_launches.matrix_time import matrix_ns
from harness.timing.torch_launches.rule import HostCost
from harness.vgpu.gpus import Gpu
from harness.vgpu.hosts import Host

REPETITIONS = 6  # the last one starts behind a full queue


@dataclass(frozen=True, slots=True)
class Operation:
    """What the host does in one go: `cost` as the torch rules charge it, or "extension", or None for C++ that goes on.

    `waits` where the host then waits until the device is idle.
    """

    cost: HostCost | Literal["extension"] | None
    launches: tuple[Launch, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Repetition:
    """Nanoseconds: from one repetition to the next, the host's work, the device's with the gaps between kernels."""

    period: float
    host: float
    device: float
    launches: int


def shared(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """The same operations, equal launches being one object: `steady` times each object once."""
    known: dict[str, Launch] = {}
    return tuple(
        replace(operation, launches=tuple(known.setdefault(repr(launch), launch) for launch in operation.launches))
        for operation in operations
    )


def steady(operations: Sequence[Operation], gpu: Gpu, host: Host) -> Repetition:
    """One repetition in the steady state."""
    timed = {id(launch): launch for operation in operations for launch in operation.launches}
    durations = {key: duration_ns(launch, gpu) for key, launch in timed.items()}
    steps = [
        _Step(
            _host_ns(operation, host),
            tuple((host.call(_call(launch)), durations[id(launch)]) for launch in operation.launches),
            operation.waits,
        )
        for operation in operations
    ]
    now, ready, ends = 0.0, 0.0, [0.0]
    for _ in range(REPETITIONS):
        for step in steps:
            now += step.host
            for call, duration in step.launches:
                now += call
                ready = max(now + gpu.launch_latency_ns, ready + gpu.back_to_back_ns) + duration
            if step.waits:
                now = max(now + host.call("cudaDeviceSynchronize"), ready) + host.synchronize_ns
        ends.append(max(ready, now))
    launched = [pair for step in steps for pair in step.launches]
    host_ns = sum(step.host for step in steps) + sum(call for call, _ in launched)
    device_ns = sum(duration + gpu.back_to_back_ns for _, duration in launched)
    return Repetition(ends[-1] - ends[-2], host_ns, device_ns, len(launched))


@dataclass(frozen=True, slots=True)
class _Step:
    host: float
    launches: tuple[tuple[float, float], ...]  # host call, duration on the device
    waits: bool


def _host_ns(operation: Operation, host: Host) -> float:
    own = host.torch_ns(operation.cost) if operation.cost else 0
    return own + host.torch_view_ns * max(len(operation.launches) - 1, 0) * (operation.cost == "operator")


def _call(launch: Launch) -> str:
    return {Copy: "cudaMemcpyAsync", Memset: "cudaMemsetAsync"}.get(type(launch), "cudaLaunchKernel")


def duration_ns(launch: Launch, gpu: Gpu) -> float:
    """How long a launch lasts on the device."""
    match launch:
        case Kernel():
            return kernel_duration(launch, gpu)
        case MatrixProduct():
            return matrix_ns(launch, gpu)
        case Copy():
            return gpu.copy_latency_ns + 2 * launch.nbytes / gpu.achievable_dram_bandwidth * 1e9
        case Memset():
            return gpu.copy_latency_ns + launch.nbytes / gpu.achievable_dram_bandwidth * 1e9
