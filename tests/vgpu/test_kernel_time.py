"""The kernel time model: each term alone, and that more work never takes less time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu import gpus
from harness.vgpu.counters.record import Counters, LongestWarp
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
    rounds = nbytes / 512 / 8 / T4.requests_in_flight  # 2048 requests of 8 warps, four at a time
    assert alone.limit == "latency"
    assert alone.terms["latency"] == pytest.approx(rounds * T4.dram_latency_ns)
    assert alone.terms["latency"] > 5 * kernel_time(streaming(nbytes), **FULL).terms["dram"]


def test_traffic_that_l1_keeps_from_l2_does_not_count_there():
    kept = replace(streaming(1 << 28), l2_read_bytes=1 << 26)
    assert kernel_time(kept, **FULL).terms["l2"] == pytest.approx((1 << 26) / T4.achievable_l2_bandwidth * 1e9)


def test_sectors_count_at_l2_where_nobody_counted_behind_l1():
    assert kernel_time(streaming(1 << 28), **FULL).terms["l2"] == pytest.approx(
        (1 << 28) / T4.achievable_l2_bandwidth * 1e9
    )


def test_the_busiest_sm_reads_through_its_own_port():
    time = kernel_time(streaming(1 << 20), **{**FULL, "grid": (1, 1, 1)})
    assert time.terms["sm-l2"] == pytest.approx((1 << 20) / (T4.sm_l2_bytes_per_clock * T4.clock_hz) * 1e9)


def test_bank_conflicts_cost_a_clock_a_wavefront():
    work = Counters(shared_load_wavefronts=30_000_000, shared_store_wavefronts=10_000_000)
    time = kernel_time(work, **FULL)
    assert time.limit == "wavefronts"
    assert time.terms["wavefronts"] == pytest.approx(40_000_000 / T4.sms / T4.clock_hz * 1e9)


def test_tensor_flops_run_at_the_tensor_peak():
    work = Counters(tensor_flops={"f16": 10**12})
    assert kernel_time(work, **FULL).terms["tensor-core"] == pytest.approx(10**12 / T4.tensor_peak * 1e9)


def test_the_longest_warp_sets_the_latency_of_a_wave():
    path = LongestWarp(instructions=1000, load_rounds=3, shared_requests=10, barriers=2)
    work = Counters(longest=path)
    cycles = 1000 * T4.dependent_issue_cycles + 12 * T4.shared_latency_cycles
    one_wave = cycles / T4.clock_hz * 1e9 + 3 * T4.dram_latency_ns
    blocks_a_wave = T4.sms * 4  # of 256 threads, of 1024 an SM
    for waves in (1, 3):
        time = kernel_time(work, **{**FULL, "grid": (waves * blocks_a_wave, 1, 1)})
        assert time.terms["latency"] == pytest.approx(waves * one_wave)


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
    alone = {**FULL, "grid": (1, 1, 1)}
    narrow = kernel_time(work, **{**alone, "block": (32, 1, 1)}).terms["latency"]
    wide = kernel_time(work, **{**alone, "block": (512, 1, 1)}).terms["latency"]
    assert narrow == pytest.approx(16 * wide)
    assert narrow == pytest.approx(1_000_000 * T4.dependent_issue_cycles / T4.clock_hz * 1e9)


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


@given(
    st.sampled_from(gpus.names()),
    st.sampled_from(["dram", "l2", "wavefronts", "sfu", "rounds", "barriers"]),
    COUNTS,
    COUNTS,
)
def test_more_of_any_one_resource_is_never_faster(name, resource, amount, more):
    gpu = gpus.load(name)

    def ns(count):
        return kernel_ns(_using(resource, count), (1000, 1, 1), (128, 1, 1), 32, 0, gpu)

    assert ns(amount) <= ns(amount + more)


def _using(resource, count):
    return {
        "dram": Counters(dram_read_bytes=count),
        "l2": Counters(l2_write_bytes=count),
        "wavefronts": Counters(shared_atomic_wavefronts=count),
        "sfu": Counters(instructions={"sfu": count}),
        "rounds": Counters(longest=LongestWarp(load_rounds=count)),
        "barriers": Counters(longest=LongestWarp(barriers=count)),
    }[resource]


@given(st.sampled_from(gpus.names()), st.integers(1, 10**5), st.integers(32, 255))
def test_more_registers_never_make_a_kernel_faster(name, blocks, registers):
    gpu = gpus.load(name)
    work = Counters(longest=LongestWarp(instructions=1000, load_rounds=4))
    few, many = (kernel_ns(work, (blocks, 1, 1), (128, 1, 1), used, 0, gpu) for used in (32, registers))
    assert few <= many
