"""Profiles on the virtual clock: what belongs to the range, and where its bytes come from."""

from contextlib import nullcontext

import pytest
import torch

from harness.errors import FuseproofError
from harness.timing import profile
from harness.timing.modelled import launches as modelled_launches
from harness.timing.modelled import profile as modelled_profile
from harness.timing.modelled import profiles as modelled_profiles
from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock
from harness.vgpu.counters.record import Counters
from harness.vgpu.run.mode import FAST

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


def test_launches_alone_need_no_code_that_counts(vgpu):
    modes = []
    vgpu.using = lambda mode: nullcontext(modes.append(mode))
    assert modelled_launches(lambda x: torch.softmax(x + x, -1) @ x.t(), [X], name="case", vgpu=vgpu) == 3
    assert modes == [FAST]


def as_graph(vgpu, function, *inputs):
    """The eager profile and that of the graph."""
    made = modelled_profiles(function, inputs, name="case", vgpu=vgpu, ways=("graph",))
    return made["eager"], made["graph"]


def test_a_graph_is_one_submission_of_the_same_kernels(vgpu):
    eager, graph = as_graph(vgpu, lambda x: torch.softmax(x + x, -1) @ x.t(), X)
    assert (eager.launches, eager.submissions) == (3, 3)
    assert (graph.launches, graph.submissions) == (3, 1)
    assert (graph.range, graph.source) == ("case graph", "modelled")
    assert (graph.kernels, graph.dram_bytes, graph.busy_us) == (eager.kernels, eager.dram_bytes, eager.busy_us)


def test_nothing_is_computed_again_for_a_graph(vgpu):
    ran = []
    as_graph(vgpu, lambda x: ran.append(x) or x + x, X)
    assert len(ran) == 1


def test_the_eager_profile_is_the_same_with_a_graph_and_without(vgpu):
    eager, _ = as_graph(vgpu, torch.softmax, X, -1)
    assert eager == run(vgpu, torch.softmax, X, -1)


def test_what_waits_for_the_device_is_not_capturable_and_the_case_says_why(vgpu):
    def waiting(x):
        vgpu.clock.wait_for_event(vgpu.clock.completes(), call="cudaStreamSynchronize")
        return x + x

    eager, reason = as_graph(vgpu, waiting, X)
    assert eager.launches == 1
    assert reason == "not capturable: it calls cudaStreamSynchronize, which waits for the device or may"


@pytest.mark.parametrize(
    ("call", "prohibited"),
    [
        ("cuCtxSynchronize", True),
        ("cuEventQuery", True),
        ("cuMemAlloc_v2", True),
        ("cuMemFree_v2", True),
        ("cuMemcpyHtoD_v2", True),
        ("cuMemsetD8_v2", True),
        ("cudaMemcpyAsync", False),
        ("cuMemsetD32Async", False),
        ("cuMemcpy2DAsync_v2", False),
        ("cuEventRecord", False),
        ("cuStreamWaitEvent", False),
        ("cuModuleLoadData", False),  # once, before a capture
    ],
)
def test_which_calls_a_capture_prohibits(vgpu, call, prohibited):
    _, made = as_graph(vgpu, lambda x: vgpu.clock.call(call) and x + x, X)
    assert isinstance(made, str) == prohibited


def test_torch_compile_is_refused_on_the_vgpu(vgpu):
    with pytest.raises(FuseproofError, match=r"the vgpu does not know what torch\.compile would launch"):
        modelled_profiles(torch.add, [X, X], name="case", vgpu=vgpu, ways=("compile",))


def idle_shares(encoder, batch):
    """Of the naive encoder layer on an H100: called operator by operator, and as a graph."""
    from contextlib import nullcontext
    from types import SimpleNamespace

    gpu = gpus.load("H100")
    device = SimpleNamespace(gpu=gpu, clock=Clock(gpu, hosts.load()), using=lambda mode: nullcontext())
    inputs = encoder.inputs(torch.float16, batch=batch, seq=32, hidden=768, heads=12, mask=torch.float16, device="meta")
    profiles = as_graph(device, encoder.layer, *inputs)
    return [profile.idle_us / (profile.idle_us + profile.busy_us) for profile in profiles]


def test_small_batches_of_the_naive_encoder_layer_are_launch_bound(encoder):
    """FasterTransformer's observation: at batch 1 the GPU mostly waits for launches; a graph takes the wait away."""
    eager, graph = idle_shares(encoder, batch=1)
    assert eager > 0.5
    assert graph < eager / 2
    large, _ = idle_shares(encoder, batch=256)
    assert large < eager / 2
