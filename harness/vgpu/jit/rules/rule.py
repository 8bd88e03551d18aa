"""A rule: how one instruction form is lowered, and where the PTX ISA defines it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.vgpu.jit.context import Context

Lower: TypeAlias = Callable[[Context], None]
Kind: TypeAlias = Literal[
    "int", "fp16", "fp32", "fp64", "sfu", "tensor", "memory", "shared", "control", "barrier", "other"
]


@dataclass(frozen=True, slots=True)
class Rule:
    """`section` is the PTX ISA's heading; `kind` the class it is counted in."""

    lower: Lower
    section: str
    kind: Kind


RuleTable: TypeAlias = dict[str, Rule]

LLVM_INTEGER = {f"{sign}{bits}": f"i{bits}" for sign in "usb" for bits in (8, 16, 32, 64)} | {"pred": "i1"}
LLVM_FLOAT = {"f16": "half", "f32": "float", "f64": "double"}
