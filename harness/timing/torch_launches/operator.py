"""One call of an aten operator, its arguments by name, as the rules read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch


@dataclass(frozen=True)
class OperatorCall:
    """`result` is what the CPU computed: its shapes and strides are those of the CUDA backend's."""

    operator: torch._ops.OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    @property
    def name(self) -> str:
        """The operator without its overload: "add", "add_", "native_layer_norm"."""
        return self.operator._schema.name.removeprefix("aten::")

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Every argument by its name in the schema, defaults filled in."""
        bound = {}
        for position, argument in enumerate(self.operator._schema.arguments):
            if position < len(self.args):
                bound[argument.name] = self.args[position]
            else:
                bound[argument.name] = self.kwargs.get(argument.name, argument.default_value)
        return bound

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    @cached_property
    def inputs(self) -> tuple[torch.Tensor, ...]:
        """Tensors that are read: all but `out`; what an in-place operator writes is read too."""
        read = [value for name, value in self.arguments.items() if name != "out"]
        return tuple(_tensors(read))

    @cached_property
    def outputs(self) -> tuple[torch.Tensor, ...]:
        return tuple(_tensors(self.result))

    @property
    def output(self) -> torch.Tensor:
        return self.outputs[0]


def describe(operator: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """ "aten.add.Tensor(float16[8, 128], float16[128])", for messages."""
    listed = ", ".join(_brief(value) for value in (*args, *kwargs.values()))
    return f"{operator}({listed})"


def _brief(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_brief(item) for item in value)}]"
    return repr(value)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
