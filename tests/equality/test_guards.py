"""Every guard, on a function that is bad in the one way that it is there for, and in no other."""

import ctypes
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
import torch

from harness.device import current
from harness.equality import conditions
from harness.equality.check import check
from harness.equality.poison import Pattern, poison, unwritten
from harness.kernel import Kernel
from harness.suite import suite
from harness.sweep import Sweep

KERNELS = {
    name: Kernel("bad.cu", name) for name in ("counts_tickets", "has_no_barrier", "reads_unwritten", "writes_behind")
}


def same(x):
    return x * 1.0


def verdict_of(fused, device, reference=same, size=1024, **attributes):
    @suite(fused=fused, reference=reference, sweep=Sweep(batch=1, dtype="fp32"), **attributes)
    def bad(case):
        return case.randn(size)

    return check(bad, bad.cases()[0], device)


def launched(name, *extra, grid=4):
    """A function that puts one bad kernel on blocks of 256 threads."""

    def fused(x):
        out = torch.empty_like(x)
        more = [make(x) for make in extra]
        KERNELS[name](out, x, *more, x.numel(), grid=grid, block=256)
        return out

    return fused


@pytest.fixture(scope="module")
def device():
    device = current()
    if not device.vgpu:
        pytest.skip("a GPU orders its blocks as it likes")
    return device


def test_the_order_of_blocks_must_not_matter(device):
    tickets = lambda x: torch.zeros(1, dtype=torch.int32, device=x.device)  # noqa: E731
    verdict = verdict_of(launched("counts_tickets", tickets), device)
    assert "run twice on the same inputs" in verdict.reason
    assert verdict.first.output == "output"


def test_a_missing_barrier_shows(device):
    def swapped(x):
        return x.view(-1, 2, 32).flip(1).reshape(-1) * 1.0

    assert not verdict_of(launched("has_no_barrier"), device, swapped).passed


def test_shared_memory_that_nothing_has_written_must_not_matter(device):
    verdict = verdict_of(launched("reads_unwritten"), device)
    assert "shared memory that nothing has written" in verdict.reason


def test_a_write_behind_a_buffer_is_a_fault_with_its_line(device):
    verdict = verdict_of(launched("writes_behind", grid=5), device)
    assert "0 bytes behind the end of argument 1" in verdict.reason
    assert "bad.cu:" in verdict.reason


def test_without_checked_accesses_red_zones_see_a_write_behind_a_buffer(plain_device):
    def fused(x):
        out = torch.empty_like(x)
        out.copy_(x)
        ctypes.memset(out.data_ptr() + 4 * out.numel(), 7, 3)
        return out

    assert (
        "wrote behind a buffer of [1024] that it allocated, from byte 0 after its end"
        in verdict_of(fused, plain_device).reason
    )


def test_red_zones_lie_around_inputs_too(plain_device):
    def fused(x):
        ctypes.memset(x.data_ptr() - 1, 7, 1)
        return x * 1.0

    assert "wrote before x" in verdict_of(fused, plain_device, lambda x: x * 1.0).reason


def test_memory_that_nothing_has_written_must_not_matter_even_to_a_maximum(plain_device):
    verdict = verdict_of(lambda x: torch.fmax(torch.empty_like(x), x), plain_device)
    assert verdict.reason.endswith("it depends on memory that nothing has written")


def test_an_output_that_is_kept_for_the_same_inputs_shows(plain_device):
    kept = {}

    def fused(x):
        if id(x) not in kept:
            kept[id(x)] = same(x).clone()
        return kept[id(x)].clone()

    assert "the same output for other values in the same inputs" in verdict_of(fused, plain_device).reason


def test_an_output_that_really_does_not_depend_on_its_input_s_values_is_right(plain_device):
    assert verdict_of(lambda x: (x == x).float() * 0.7, plain_device, lambda x: torch.ones_like(x) * 0.7).passed


def test_state_between_calls_shows(plain_device):
    calls = []

    def fused(x):
        calls.append(x)
        return torch.nextafter(x, x + 1) if len(calls) > 1 else x * 1.0

    assert "state kept between calls" in verdict_of(fused, plain_device).reason


class _Modes:
    """A vgpu that only says in which mode it runs."""

    def __init__(self):
        self.mode = None

    @contextmanager
    def using(self, mode):
        self.mode = mode
        yield

    def poisoning(self, byte):
        return nullcontext()


@pytest.mark.parametrize(
    ("depends", "meaning"),
    [
        (lambda mode: mode.workers == 1, "it depends on how many blocks run at a time"),
        (lambda mode: mode.reverse, "it depends on the order of blocks or warps"),
        (lambda mode: mode.reverse and mode.workers == 1, "only several changes together show it"),
    ],
)
def test_a_difference_is_traced_to_what_was_changed(plain_device, depends, meaning):
    modes = _Modes()

    def fused(x):
        return torch.nextafter(x, x + 1) if depends(modes.mode) else x * 1.0

    assert meaning in verdict_of(fused, replace(plain_device, vgpu=modes)).reason


def test_a_launch_on_another_stream_than_torch_s_shows(plain_device, monkeypatch):
    late = []

    @contextmanager
    def late_inputs(inputs):
        late.append(True)
        yield
        late.clear()

    monkeypatch.setattr(conditions, "_late_inputs", late_inputs)
    device = replace(plain_device, kind="cuda")
    verdict = verdict_of(lambda x: torch.nextafter(x, x + 1) if late else x * 1.0, device)
    assert verdict.reason.endswith("it depends on torch's current stream: launch on it")


def test_on_a_gpu_inputs_come_late_on_another_stream():
    if current().kind != "cuda":
        pytest.skip("needs a GPU")
    x = torch.randn(1 << 20, device="cuda")
    with conditions._late_inputs((x,)):
        on_its_own = torch.empty_like(x)
        with torch.cuda.stream(torch.cuda.default_stream()):
            on_its_own.copy_(x)
        in_order = x.clone()
    torch.cuda.synchronize()
    assert on_its_own.isnan().any()
    assert not in_order.isnan().any()


def test_a_wrong_shape_at_the_second_run_shows(plain_device):
    calls = []

    def fused(x):
        calls.append(x)
        return x * 1.0 if len(calls) == 1 else x[:1] * 1.0

    assert "another shape or dtype at its second run" in verdict_of(fused, plain_device).reason


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.int32, torch.int64, torch.uint8])  # fmt: skip
def test_poison_is_told_from_what_was_computed(dtype):
    tensor = torch.empty(3, 5, dtype=dtype)
    poison(tensor)
    assert unwritten(tensor).all()
    assert not dtype.is_floating_point or tensor.isnan().all()
    tensor[1, 2] = 1
    assert unwritten(tensor).sum() == 14
    if dtype.is_floating_point:
        assert not unwritten(torch.full((3,), float("nan"), dtype=dtype)).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int8, torch.int32, torch.uint8, torch.bool])  # fmt: skip
def test_the_two_poisons_differ_everywhere(dtype):
    one, other = torch.empty(6, dtype=dtype), torch.empty(6, dtype=dtype)
    poison(one, Pattern.NAN)
    poison(other, Pattern.LARGE)
    assert (one != other).all()
    assert not dtype.is_floating_point or (other.isfinite().all() and (other < 0).any() and (other > 100).any())
