"""What a comparison depends on besides the outputs.

In: a suite's statements on one case. Out: `Terms`, which `harness.equality.compare` and `integers` read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.dtypes import Scalar
from harness.equality.rules import Rule

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Terms:
    """`inputs` are the tensors among the `arguments`. `impostors`: whether to see that a copy of one, a constant or
    zeros would fail; inputs of a family may have any of them for right answer.
    """

    factor: float = 2.0
    reduction: int = 1
    inputs: Sequence[torch.Tensor] = ()
    arguments: tuple[Any, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    scalar: Scalar | None = None
    impostors: bool = True
