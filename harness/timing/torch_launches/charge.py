"""Puts launches on the virtual clock: the host's cost, and each operation with the time that the model gives it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from harness.timing.torch_launches.launch import Copy, Kernel, Launch, MatrixProduct, Memset
from harness.timing.torch_launches.matrix_time import matrix_ns, tiling
from harness.timing.torch_launches.rule import HostCost
from harness.vgpu.clock import Clock
from harness.vgpu.counters.record import Counters, LongestWarp
from harness.vgpu.gpus import Gpu
from harness.vgpu.kernel_time import kernel_ns
from harness.vgpu.occupancy import warps_of

TORCH_STREAM = 0  # torch's current stream is the legacy default stream


def charge(clock: Clock, cost: HostCost, launches: Sequence[Launch]) -> None:
    """One operator: its host work, then its launches in order."""
    host = clock.host
    clock.work(host.torch_ns(cost))
    for position, launch in enumerate(launches):
        if position:
            clock.work(host.torch_view_ns)  # operators that call others pay the dispatcher again
        _put(clock, launch)


def _put(clock: Clock, launch: Launch) -> None:
    match launch:
        case Kernel():
            _put_kernel(clock, launch)
        case MatrixProduct():
            _put_matrix_product(clock, launch)
        case Copy():
            call = "cudaMemcpyAsync"
            activity = clock.copy(TORCH_STREAM, launch.direction, launch.nbytes, call=call)
            if launch.waits:
                clock.wait_for_event(activity.end, call="cudaStreamSynchronize")
        case Memset():
            clock.memset(TORCH_STREAM, launch.nbytes, call="cudaMemsetAsync")


def kernel_duration(kernel: Kernel, gpu: Gpu) -> int:
    """Nanoseconds of a kernel whose traffic and instructions are known by rule."""
    return kernel_ns(_estimated(kernel), kernel.grid, kernel.block, kernel.registers, kernel.shared_bytes, gpu)


def _put_kernel(clock: Clock, kernel: Kernel) -> None:
    clock.launch(
        TORCH_STREAM,
        kernel.name,
        kernel_duration(kernel, clock.gpu),
        grid=kernel.grid,
        block=kernel.block,
        registers=kernel.registers,
        shared_bytes=kernel.shared_bytes,
        bytes=kernel.traffic.dram_read + kernel.traffic.dram_write,  # by rule; `counters` are for what was executed
        call="cudaLaunchKernel",
    )


def _estimated(kernel: Kernel) -> Counters:
    traffic, blocks = kernel.traffic, prod(kernel.grid)
    return Counters(
        blocks=blocks,
        warps=blocks * warps_of(prod(kernel.block)),
        instructions=kernel.instructions,
        load_requests=traffic.load_requests,
        store_requests=traffic.store_requests,
        sectors_read=traffic.sectors_read,
        sectors_written=traffic.sectors_written,
        dram_read_bytes=traffic.dram_read,
        dram_write_bytes=traffic.dram_write,
        longest=LongestWarp(load_rounds=kernel.load_rounds, barriers=kernel.waits),
    )


def _put_matrix_product(clock: Clock, product: MatrixProduct) -> None:
    chosen = tiling(product, clock.gpu)
    clock.launch(
        TORCH_STREAM,
        product.name,
        matrix_ns(product, clock.gpu),
        grid=(chosen.blocks, 1, 1),
        block=(256, 1, 1),
        bytes=product.dram_bytes,
        call="cudaLaunchKernel",
    )
