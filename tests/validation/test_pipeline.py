"""The steady state of a repeated piece of work: the slower of host and device, and the same as the virtual clock's."""

import pytest

from harness.timing.torch_launches.charge import charge
from harness.timing.torch_launches.launch import Kernel, MatrixProduct, Memset, Traffic
from harness.validation.pipeline import Operation, duration_ns, steady
from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock

V100, HOST = gpus.load("V100"), hosts.load("dgx1-2020")
SHORT = Kernel("short", (1, 1, 1), (32, 1, 1), Traffic(), {"int": 10})
LONG = MatrixProduct("long", "fp32", 4096, 4096, 4096, 1, 4, 3 * 4 * 4096 * 4096)


def test_many_short_operators_are_bound_by_the_host():
    found = steady([Operation("operator", (SHORT,)), Operation("view")], V100, HOST)
    assert found.period == pytest.approx(found.host)
    assert found.host == HOST.torch_operator_ns + HOST.torch_view_ns + HOST.call("cudaLaunchKernel")


def test_long_kernels_are_bound_by_the_device():
    found = steady([Operation("operator", (LONG,)), Operation("operator", (LONG,))], V100, HOST)
    assert found.period == pytest.approx(found.device)
    assert found.device == pytest.approx(2 * (duration_ns(LONG, V100) + V100.back_to_back_ns))


def test_a_wait_adds_host_and_device():
    free = steady([Operation("operator", (LONG,))], V100, HOST)
    waiting = steady([Operation("operator", (LONG,), waits=True)], V100, HOST)
    assert waiting.period > free.period + HOST.torch_operator_ns


@pytest.mark.parametrize("operations", [
    [Operation("operator", (SHORT, SHORT)), Operation("view"), Operation("operator", (LONG,))],
    [Operation("operator", (SHORT,)), Operation("allocation"), Operation("operator", (Memset(4096), SHORT))],
])  # fmt: skip
def test_the_virtual_clock_agrees(operations):
    clock, ends = Clock(V100, HOST), []
    for _ in range(6):
        for operation in operations:
            charge(clock, operation.cost, operation.launches)
        ends.append(clock.completes())
    assert steady(operations, V100, HOST).period == pytest.approx(ends[-1] - ends[-2], rel=1e-4)
