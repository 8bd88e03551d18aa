"""The kernels of a translation unit, read from its PTX: symbols, and parameters with their types.

In: PTX text with one variable a kernel, as `harness.compiler` appends them. Out: an `Entry` by variable.
The same text serves both devices, so a kernel's arguments are packed by one piece of code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# PTX ISA 5.1.6: kernel parameters are .param variables; nvcc writes structs as arrays of .b8 with an alignment.
_POINTER = re.compile(r"\.global\s+\.align 8 \.u64 (\w+) = ([\w$]+);")
_ENTRY = re.compile(r"\.entry\s+([\w$]+)\s*\(([^)]*)\)")
_PARAMETER = re.compile(r"\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+[\w$]+(?:\[(\d+)\])?")
_SIZES = {"8": 1, "16": 2, "32": 4, "64": 8}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One kernel parameter: a PTX type ("u64", "f32", or "b8" for a struct), its size and alignment in bytes."""

    type: str
    size: int
    align: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One kernel: its symbol in the module, and its parameters in order."""

    symbol: str
    parameters: tuple[Parameter, ...]


def entries_of(ptx: str) -> dict[str, Entry]:
    """Entries by the name of the variable that points at each; variables with other values are left out."""
    parameters = {symbol: _parameters(text) for symbol, text in _ENTRY.findall(ptx)}
    pointers = [(variable, symbol) for variable, symbol in _POINTER.findall(ptx) if symbol in parameters]
    return {variable: Entry(symbol, parameters[symbol]) for variable, symbol in pointers}


def _parameters(text: str) -> tuple[Parameter, ...]:
    return tuple(_parameter(*found) for found in _PARAMETER.findall(text))


def _parameter(align: str, kind: str, count: str) -> Parameter:
    size = _SIZES[kind[1:]] * int(count or 1)
    return Parameter(kind, size, int(align or size))
