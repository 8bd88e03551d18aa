"""Profiles on the virtual clock: what belongs to the range, and where its bytes come from."""

import pytest
import torch

from harness.errors import FuseproofError
from harness.timing import profile
from harness.timing.modelled import profile as modelled_profile
from harness.vgpu.counters.record import Counters

X = torch.zeros(1024, 768)


def pycuda_kernel(vgpu, counters):
    """What the driver does when PyCUDA launches a kernel."""
    vgpu.clock.launch(0, "fused", 40_000, grid=(1024, 1, 1), block=(256, 1, 1), counters=counters)


def run(vgpu, function, *inputs):
    return modelled_profile(function, inputs, name="case", vgpu=vgpu)


def test_a_profile_says_that_it_is_modelled(vgpu):
    found = run(vgpu, torch.add, X, X)
    assert (found.range, found.source) == ("case", "modelled")


def test_torch_operators_and_pycuda_kernels_share_the_clock(vgpu):
    def fused(x):
        y = x + x
        pycuda_kernel(vgpu, Counters(dram_read_bytes=100, dram_write_bytes=20))
        return y.sum(-1)

    found = run(vgpu, fused, X)
    assert found.launches == found.submissions == 3
    assert [share.launches for share in found.kernels] == [1, 1, 1]


def test_bytes_are_counted_ones_plus_those_by_rule(vgpu):
    def fused(x):
        pycuda_kernel(vgpu, Counters(dram_read_bytes=100, dram_write_bytes=20))
        return x * 2

    assert run(vgpu, fused, X).dram_bytes == 120 + 2 * X.numel() * 4


def test_an_uncounted_kernel_makes_the_profile_an_error(vgpu):
    with pytest.raises(FuseproofError, match="not counted, so not timed: fused"):
        run(vgpu, lambda: pycuda_kernel(vgpu, None))


def test_work_before_and_after_the_range_does_not_belong_to_it(vgpu):
    pycuda_kernel(vgpu, None)
    alone = run(vgpu, torch.add, X, X)
    pycuda_kernel(vgpu, None)
    assert alone.launches == 1


def test_two_profiles_of_one_function_are_equal(vgpu):
    def layer(x):
        return torch.softmax(x + x, -1) @ x.t()

    assert run(vgpu, layer, X) == run(vgpu, layer, X)


def test_the_wall_reaches_from_the_ranges_start_to_an_idle_device(vgpu):
    found = run(vgpu, lambda x: x + x, X)
    assert found.wall_us > found.host_us
    assert found.wall_us > found.busy_us + vgpu.gpu.launch_latency_ns / 1e3


def test_busy_and_idle_fill_the_window(vgpu):
    found = run(vgpu, lambda x: (x + x) * 2, X)
    assert found.gaps == 1
    assert found.idle_us == pytest.approx(vgpu.gpu.back_to_back_ns / 1e3)


def test_a_function_that_waits_for_the_host_leaves_long_gaps(vgpu):
    def hesitant(x):
        y = x + x
        vgpu.clock.work(10_000_000)
        return y * 2

    assert run(vgpu, hesitant, X).largest_gap_us > 9_000


def test_the_device_decides_how_to_profile(vgpu):
    from types import SimpleNamespace

    device = SimpleNamespace(kind="vgpu", vgpu=vgpu)
    assert profile(torch.add, [X, X], name="case", device=device).source == "modelled"
