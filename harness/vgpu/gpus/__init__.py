"""The GPUs that the vgpu can be: limits, speeds and latencies, one data file each.

In: a name ("T4"). Out: a `Gpu`, read by the driver (attributes), occupancy and the time model.
Every figure's source stands beside it in the data file; the units are the field's, below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.vgpu import datasheet

DEFAULT = "T4"
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Gpu:
    """One GPU. `lanes` are thread instructions an SM completes per clock, by instruction class of the counters."""

    name: str
    full_name: str  # as cuDeviceGetName gives it
    compute_capability: tuple[int, int]
    compile_capability: tuple[int, int]  # the nearest that nvcc knows; differs where nvcc 13 dropped the real one

    sms: int
    schedulers_per_sm: int
    clock_hz: int  # boost
    lanes: dict[str, float] = field(hash=False)
    dependent_issue_cycles: int  # from an instruction to one that needs its result
    fp32_peak: float  # flop/s, without tensor cores
    fp16_peak: float  # flop/s, half2, without tensor cores
    tensor_peak: float  # flop/s, FP16 in, FP32 accumulated, dense
    # share of peak that a GEMM's main loop reaches, by path: "fp32", "tensor"
    gemm_efficiency: dict[str, float] = field(hash=False)
    gemm_step_cycles: int  # of a step of a GEMM's main loop that waits for memory

    dram_bytes: int
    dram_bandwidth: float  # bytes/s
    dram_efficiency: float  # achievable share
    dram_latency_ns: int
    memory_clock_hz: int
    memory_bus_bits: int
    l2_bytes: int
    l2_bandwidth: float  # bytes/s
    l2_efficiency: float  # achievable share
    sm_l2_bytes_per_clock: int  # between one SM and L2
    requests_in_flight: float  # memory requests that a warp keeps outstanding
    shared_latency_cycles: int  # of a load from shared memory; a barrier of the block costs about as much

    threads_per_block: int
    threads_per_sm: int
    blocks_per_sm: int
    registers_per_thread: int
    registers_per_block: int
    registers_per_sm: int
    register_granularity: int  # registers are handed to a warp in units of this
    shared_per_block: int
    shared_per_block_optin: int
    shared_per_sm: int
    shared_reserved_per_block: int  # taken by the system from each block
    shared_granularity: int

    launch_latency_ns: int  # from the return of the launch call to the start on an idle stream
    back_to_back_ns: int  # between dependent operations that are already queued
    graph_node_ns: int  # between dependent nodes of a CUDA graph
    graph_launch_node_ns: int  # of the host: what each node adds to the launch of a CUDA graph
    kernel_ramp_ns: int  # of a kernel that does nothing, start to end
    link_bandwidth: float  # bytes/s to the host, one direction
    link_efficiency: float
    copy_latency_ns: int  # of a copy of no bytes, start to end

    @property
    def warps_per_sm(self) -> int:
        return self.threads_per_sm // 32

    @property
    def achievable_dram_bandwidth(self) -> float:
        return self.dram_bandwidth * self.dram_efficiency

    @property
    def achievable_l2_bandwidth(self) -> float:
        return self.l2_bandwidth * self.l2_efficiency


def names() -> tuple[str, ...]:
    """Names of the GPUs that have a data file."""
    return datasheet.names(FOLDER)


def load(name: str = DEFAULT) -> Gpu:
    """The GPU of that name; FuseproofError lists the known ones."""
    return datasheet.load(FOLDER, name, Gpu)
