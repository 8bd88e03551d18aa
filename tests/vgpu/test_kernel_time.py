"""The kernel time model: each term alone, and that more work never takes less time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu import gpus
from harness.vgpu.counters.record import Counters
from harness.vgpu.errors import KernelFault
from harness.vgpu.kernel_time import kernel_ns, kernel_time

T4 = gpus.load("T4")
FULL = {"grid": (4000, 1, 1), "block": (256, 1, 1), "registers": 32, "shared_bytes": 0, "gpu": T4}


def streaming(nbytes, requests=None):
    """Counters of a kernel that reads `nbytes` in 512-byte requests."""
    sectors = nbytes // 32
    return Counters(load_requests=requests or max(sectors // 16, 1), sectors_read=sectors, dram_read_bytes=nbytes)


def test_a_kernel_that_does_nothing_lasts_its_ramp():
    assert kernel_ns(Counters(), **FULL) == T4.kernel_ramp_ns


def test_an_uncounted_kernel_lasts_its_ramp():
    assert kernel_ns(None, **FULL) == T4.kernel_ramp_ns


def test_a_streaming_kernel_runs_at_the_achievable_bandwidth():
    nbytes = 1 << 28
    time = kernel_time(streaming(nbytes), **FULL)
    assert time.limit == "dram"
    assert nbytes / time.terms["dram"] * 1e9 == pytest.approx(T4.achievable_dram_bandwidth)


def test_one_block_cannot_fill_the_memory_system():
    nbytes = 1 << 20
    alone = kernel_time(streaming(nbytes), **{**FULL, "grid": (1, 1, 1)})
    many = kernel_time(streaming(nbytes), **FULL)
    assert alone.terms["dram"] > 5 * many.terms["dram"]


def test_arithmetic_is_bound_by_its_lanes():
    warps = 4000 * 8
    time = kernel_time(Counters(instructions={"fp32": 1000 * warps}), **FULL)
    cycles = 1000 * warps * 32 / (T4.sms * T4.lanes["fp32"])
    assert time.limit in ("fp32", "issue")
    assert time.terms["fp32"] == pytest.approx(cycles / T4.clock_hz * 1e9)


def test_special_functions_cost_four_times_fp32():
    plain = kernel_time(Counters(instructions={"fp32": 10_000_000}), **FULL).terms["fp32"]
    special = kernel_time(Counters(instructions={"sfu": 10_000_000}), **FULL).terms["sfu"]
    assert special == pytest.approx(4 * plain)


def test_an_unknown_class_costs_as_other():
    assert "wmma" in kernel_time(Counters(instructions={"wmma": 100}), **FULL).terms


def test_one_block_more_than_a_wave_costs_another_wave():
    def time(blocks):
        work = Counters(instructions={"fp32": 100_000 * blocks})
        return kernel_time(work, **{**FULL, "grid": (blocks, 1, 1)}).terms["fp32"]

    assert time(T4.sms + 1) == pytest.approx(2 * time(T4.sms))


def test_few_warps_cannot_hide_the_latency_of_dependent_instructions():
    work = Counters(instructions={"int": 1_000_000})
    narrow = kernel_time(work, **{**FULL, "grid": (1, 1, 1), "block": (32, 1, 1)}).terms["issue"]
    wide = kernel_time(work, **{**FULL, "grid": (1, 1, 1), "block": (512, 1, 1)}).terms["issue"]
    assert narrow == pytest.approx(16 * wide)


def test_a_block_that_does_not_fit_is_a_fault_that_says_what_is_exhausted():
    with pytest.raises(KernelFault, match="registers are exhausted") as caught:
        kernel_ns(Counters(), (1, 1, 1), (1024, 1, 1), 128, 0, T4)
    assert caught.value.code == 701


COUNTS = st.integers(0, 10**9)


@given(st.sampled_from(gpus.names()), COUNTS, COUNTS, st.integers(1, 10**5), st.integers(1, 1024))
def test_more_work_never_takes_less_time(name, nbytes, instructions, blocks, threads):
    gpu = gpus.load(name)

    def time(factor):
        sectors = factor * nbytes // 32
        counters = Counters(
            instructions={"fp32": factor * instructions},
            load_requests=factor * max(nbytes // 512, 1),
            sectors_read=sectors,
            dram_read_bytes=factor * nbytes,
        )
        return kernel_ns(counters, (blocks, 1, 1), (threads, 1, 1), 32, 0, gpu)

    assert gpu.kernel_ramp_ns <= time(1) <= time(2) + 1
