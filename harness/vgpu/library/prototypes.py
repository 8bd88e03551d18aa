"""The C border of the driver: the types that cross it and the functions that the library exports.

In: types.h and functions.h, beside this file. Out: their text for cffi, and each function with its parameters' names.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_FUNCTION = re.compile(r"CUresult\s+(\w+)\(([^)]*)\);")

TYPES = (_FOLDER / "types.h").read_text(encoding="utf-8")
FUNCTIONS = (_FOLDER / "functions.h").read_text(encoding="utf-8")


@functools.cache
def functions() -> dict[str, tuple[str, ...]]:
    """The exported functions: name, names of the parameters."""
    return {name: _names(parameters) for name, parameters in _FUNCTION.findall(FUNCTIONS)}


def _names(parameters: str) -> tuple[str, ...]:
    if parameters == "void":
        return ()
    return tuple(re.findall(r"\w+", parameter)[-1] for parameter in parameters.split(","))
