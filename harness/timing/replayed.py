"""A function in another way on a real GPU: captured into a CUDA graph, or compiled by torch.

In: a function on CUDA tensors and its inputs. Out: a function without arguments that runs it that way and returns the
same outputs, checked once against a plain call; or an error whose message begins "not capturable" or "not compilable".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from harness.equality.tensors import tensors_in
from harness.errors import FuseproofError
from harness.timing.traced import WARM_UP


class NotReplayable(FuseproofError):
    """This way does not run the function; the message says why."""


def captured(function: Callable[..., Any], inputs: Sequence[Any]) -> Callable[[], Any]:
    """`function(*inputs)` as one launch of a CUDA graph; its outputs lie in the same memory each time.

    Warmed up on the side stream that is captured: what is compiled, loaded or allocated once is done before.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.no_grad(), torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            expected = function(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.no_grad(), torch.cuda.graph(graph, stream=stream):
            outputs = function(*inputs)
    except Exception as error:
        torch.cuda.synchronize()
        raise NotReplayable(f"not capturable: {_first_line(_first(error))}") from error

    def replay() -> Any:
        graph.replay()
        return outputs

    _poison(outputs, inputs)
    _check(replay, expected, "not capturable: its graph")
    return replay


def compiled(function: Callable[..., Any], inputs: Sequence[Any]) -> Callable[[], Any]:
    """`function(*inputs)` under torch.compile, compiled for these shapes alone."""
    torch._dynamo.reset()  # else the shapes of many cases reach its limit of recompilations, and it runs eagerly
    made = torch.compile(function, dynamic=False)

    def run() -> Any:
        return made(*inputs)

    with torch.no_grad():
        expected = function(*inputs)
        try:
            run()
        except Exception as error:
            raise NotReplayable(f"not compilable: {_first_line(error)}") from error
        _check(run, expected, "not compilable: the compiled function")
    return run


def _check(run: Callable[[], Any], expected: Any, what: str) -> None:
    """The outputs are those of a plain call, up to rounding: a library may choose another algorithm."""
    wanted = list(tensors_in(expected, "output"))
    found = list(tensors_in(run(), "output"))
    if [name for name, _ in found] != [name for name, _ in wanted]:
        raise NotReplayable(f"{what} returns other outputs than a plain call")
    for (name, one), (_, other) in zip(found, wanted, strict=True):
        if not _alike(one, other):
            raise NotReplayable(f"{what} computes another {name} than a plain call")


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not other.is_floating_point():
        return bool(torch.equal(one, other))
    finite = other.isfinite()
    if not torch.equal(one.isfinite(), finite):
        return False
    apart, size = ((each.double()[finite]).norm() for each in (one.double() - other.double(), other))
    return bool(apart <= torch.finfo(other.dtype).eps ** 0.5 * size)


def _poison(outputs: Any, inputs: Sequence[Any]) -> None:
    """Overwrite what only the graph can write again: outputs that share no memory with an input."""
    kept = {tensor.untyped_storage().data_ptr() for _, tensor in tensors_in(list(inputs), "input")}
    for _, tensor in tensors_in(outputs, "output"):
        if tensor.untyped_storage().data_ptr() not in kept:
            tensor.fill_(float("nan") if tensor.is_floating_point() else True)


def _first(error: BaseException) -> BaseException:
    """What went wrong first: ending a capture that failed fails too."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return text or type(error).__name__
