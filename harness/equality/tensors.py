"""Tensors within a function's inputs and outputs, which may be nested in tuples, lists and dicts.

In: any such value. Out: its tensors in order, or the same structure with each tensor replaced.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import FuseproofError

if TYPE_CHECKING:
    import torch

_BITS = {1: "int8", 2: "int16", 4: "int32", 8: "int64"}


def tensors_in(value: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor with its name: "output" alone, "output[1]" or "output['mean']" within."""
    import torch

    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            yield from tensors_in(item, f"{name}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors_in(item, f"{name}[{key!r}]")


def tensors_of_call(inputs: Sequence[Any], arguments: Sequence[str] = ()) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor with the name of its argument: "bias", "qkv[0]" within; "input[1]" where no name is known."""
    for number, value in enumerate(inputs):
        yield from tensors_in(value, arguments[number] if number < len(arguments) else f"input[{number}]")


def argument_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's positional parameters; none for a function that does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD))


def map_tensors(function: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """The same structure with `function` of each tensor; everything else stays."""
    import torch

    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, tuple | list):
        items = [map_tensors(function, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: map_tensors(function, item) for key, item in value.items()}
    return value


def outputs_of(value: Any, function: str) -> list[tuple[str, torch.Tensor]]:
    """The tensors that a function returned, by name; an error where it returned none."""
    found = list(tensors_in(value, "output"))
    if not found:
        raise FuseproofError(f"{function} returned no tensor but {type(value).__name__}")
    return found


def to_double(value: Any) -> Any:
    """The same values with every floating tensor in FP64."""
    return map_tensors(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor, value)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Where two tensors of one shape and dtype hold the same bits: NaN equals itself, 0 is not -0."""
    return bits(one) == bits(other)


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """The same memory as integers."""
    import torch

    if not tensor.is_floating_point():
        return tensor
    return tensor.view(getattr(torch, _BITS[tensor.element_size()]))
