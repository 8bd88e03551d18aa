"""Names as people can read them. Kernels: "bias_gelu" for "_Z9bias_geluIfLi4EEvPT_PKS0_S3_ii".

Only the function's own name is taken from a mangled one (Itanium C++ ABI, 5.1): template arguments and namespaces
would need a whole demangler, and tables group kernels by name.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"_Z(?=\d)")
_NESTED = re.compile(r"_ZN[rVK]*(?=\d)")
_LENGTH = re.compile(r"\d+")


def readable(name: str) -> str:
    """The function's name; names that are not mangled, or in a way that is not understood, stay as they are."""
    if start := _PLAIN.match(name):
        return _identifiers(name, start.end(), most=1) or name
    if start := _NESTED.match(name):
        return _identifiers(name, start.end()) or name
    return name


def one_line(text: str) -> str:
    """Text of a file without what would act on a terminal, or break a line of a table or message."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _identifiers(name: str, position: int, most: int | None = None) -> str:
    """The last of the length-prefixed identifiers from `position` on, at most so many of them."""
    found, count = "", 0
    while (length := _LENGTH.match(name, position)) and (most is None or count < most):
        end = length.end() + int(length.group())
        if end > len(name):
            return ""
        found, position, count = name[length.end() : end], end, count + 1
    return found
