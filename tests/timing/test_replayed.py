"""Capturing and compiling, as far as it can be tested without a GPU: on a stand-in for torch's CUDA graphs.

The tests marked `on_a_gpu` run where torch has one.
"""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch

from harness.timing import measured, profiles
from harness.timing.replayed import NotReplayable, captured, compiled

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="captures on a real GPU")


class FakeCuda:
    """Graphs whose replay is `again`; a capture runs the function, as on a GPU, but its results are kept apart."""

    def __init__(self, again=lambda: None):
        self.again = again
        self.log = []
        self.capturing = False

    def install(self, monkeypatch):
        stream = SimpleNamespace(wait_stream=lambda other: self.log.append("wait"))
        for name, value in {
            "Stream": lambda: stream,
            "current_stream": lambda: stream,
            "stream": lambda stream: nullcontext(),
            "synchronize": lambda: self.log.append("synchronize"),
            "CUDAGraph": lambda: SimpleNamespace(replay=self.replay),
            "graph": self.capture,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)
        return self

    def replay(self):
        self.log.append("replay")
        self.again()

    @contextmanager
    def capture(self, graph, stream):
        self.log.append("begin")
        self.capturing = True
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError("operation failed due to a previous error during capture\nmore") from error
        finally:
            self.capturing = False
            self.log.append("end")


@pytest.fixture
def cuda(monkeypatch):
    return FakeCuda().install(monkeypatch)


def test_a_function_is_warmed_up_before_it_is_captured_once(cuda):
    out = torch.zeros(3)

    def function(x):
        cuda.log.append("captured" if cuda.capturing else "run")
        return torch.add(x, 1, out=out) if cuda.capturing else x + 1

    x = torch.arange(3.0)
    cuda.again = lambda: torch.add(x, 1, out=out)
    replay = captured(function, [x])
    assert cuda.log == ["wait", "run", "run", "run", "wait", "begin", "captured", "end", "replay"]
    assert replay().tolist() == [1, 2, 3]


def test_a_graph_that_does_not_write_its_outputs_again_is_no_variant(cuda):
    with pytest.raises(NotReplayable, match=r"not capturable: its graph computes another output than a plain call"):
        captured(lambda x: x + 1, [torch.arange(3.0)])


def test_the_first_error_of_a_failed_capture_is_the_reason(cuda):
    def function(x):
        if cuda.capturing:
            raise RuntimeError("operation not permitted when stream is capturing\nCUDA kernel errors might be …")
        return x + 1

    with pytest.raises(NotReplayable) as failure:
        captured(function, [torch.arange(3.0)])
    assert str(failure.value) == "not capturable: operation not permitted when stream is capturing"
    assert cuda.log[-1] == "synchronize"


def test_an_error_of_the_function_itself_is_not_taken_for_one_of_the_capture(cuda):
    with pytest.raises(ZeroDivisionError):
        captured(lambda x: x / (1 // 0), [torch.arange(3.0)])


def test_an_output_that_is_an_input_is_not_overwritten(cuda):
    x = torch.arange(3.0)
    assert captured(lambda x: x.view(3, 1), [x])().flatten().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (lambda x: x * (1 + 1e-5), True),  # another algorithm rounds differently
        (lambda x: x * 1.01, False),
        (lambda x: x.double(), False),
        (lambda x: torch.where(x > 1, torch.nan, x), False),
        (lambda x: (x, x), False),
    ],
)
def test_the_outputs_of_a_replay_are_those_of_a_plain_call_up_to_rounding(cuda, other, alike):
    x, kept = torch.arange(1.0, 4.0), []

    def function(x):
        kept[:] = [other(x)]
        return kept[0] if cuda.capturing else x.clone()

    def again():
        tensors = kept[0] if isinstance(kept[0], tuple) else (kept[0],)
        for tensor in tensors:
            tensor.copy_(other(x) if len(tensors) == 1 else x)

    cuda.again = again
    if alike:
        captured(function, [x])
    else:
        with pytest.raises(NotReplayable):
            captured(function, [x])


def test_what_torch_cannot_compile_says_why(monkeypatch):
    def refuse(function, dynamic):
        def run(*inputs):
            raise RuntimeError("Cannot find a working triton installation.\nmore")

        return run

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.raises(NotReplayable) as failure:
        compiled(torch.relu, [torch.ones(2)])
    assert str(failure.value) == "not compilable: Cannot find a working triton installation."


def test_a_compiled_function_is_checked_and_runs_without_arguments(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: function)
    assert compiled(torch.relu, [torch.ones(2)])().tolist() == [1, 1]
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: torch.neg)
    with pytest.raises(NotReplayable, match="the compiled function computes another output"):
        compiled(torch.relu, [torch.ones(2)])


def test_a_way_that_does_not_run_leaves_the_others(monkeypatch):
    def refuse(function, inputs):
        raise NotReplayable("not capturable: no")

    monkeypatch.setattr(measured, "captured", refuse)
    monkeypatch.setattr(measured, "compiled", lambda function, inputs: lambda: function(*inputs))
    names = []
    monkeypatch.setattr(measured, "profile", lambda function, inputs, name, device: names.append(name))
    device = SimpleNamespace(kind="cuda")
    made = profiles(torch.relu, [torch.ones(2)], name="c", side="reference", device=device, ways=("graph", "compile"))
    assert names == ["c", "c compile"]
    assert [(variant.way, variant.reason) for variant in made] == [
        ("eager", ""),
        ("graph", "not capturable: no"),
        ("compile", ""),
    ]


@on_a_gpu
def test_a_graph_on_a_gpu_gives_the_numbers_of_a_plain_call():
    x, w = torch.randn(8, 64, device="cuda"), torch.randn(64, 64, device="cuda")
    replay = captured(lambda x, w: torch.softmax(x @ w, -1), [x, w])
    x.mul_(2)
    assert torch.allclose(replay(), torch.softmax(x @ w, -1), atol=1e-5)


@on_a_gpu
def test_what_waits_for_a_gpu_is_not_capturable_and_leaves_it_usable():
    x = torch.randn(8, device="cuda")
    with pytest.raises(NotReplayable, match="not capturable: "):
        captured(lambda x: x * x.sum().item(), [x])
    assert torch.equal(captured(lambda x: x + 1, [x])(), x + 1)
