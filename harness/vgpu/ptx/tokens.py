"""PTX text as tokens, and a cursor that walks over them.

In: the text of a module. Out: the tokens and the line of each. Comments and debug sections (`.section`) are
blanked first, with their line breaks kept, so that every token stays on the line that it has in the text.
An instruction with its modifiers (`ld.global.v4.f32`, `shared::cta`) is one token, and so is `%tid.x`.
"""

from __future__ import annotations

import re
from typing import NoReturn

from harness.vgpu.errors import InvalidPtx, UnsupportedPtx, VgpuError

STRING = r'"(?:[^"\\\n]|\\.)*"'

_IGNORED = re.compile(
    rf"(?P<kept>{STRING})|//[^\n]*|/\*.*?\*/|\.section\s+\.[\w.]+\s*\{{[^}}]*\}}",
    re.DOTALL,
)

_TOKEN = re.compile(
    rf"""
      [%$A-Za-z_][\w$]*(?:(?:\.|::)[\w$]+)*       # a name, an instruction with its modifiers
    | \.[A-Za-z_]\w*(?:::\w+)?                    # a directive, a type, a space
    | 0[xXfFdD][0-9a-fA-F]+U?                     # bits of an integer or a float
    | \d+\.\d*(?:[eE][+-]?\d+)?                   # decimal floats
    | \.\d+(?:[eE][+-]?\d+)?
    | \d+[eE][+-]?\d+
    | 0[bB][01]+U?
    | \d+U?
    | <<|>>|<=|>=|==|!=|&&|\|\|
    | {STRING}
    | \S                                          # punctuation; the parser refuses what it does not know
    """,
    re.VERBOSE | re.ASCII,
)

END = ""
"""The token after the last one."""

_ENDS = 8  # more than a rule looks ahead


class Cursor:
    """A place in the tokens of one module; `texts` and `lines` end with `END`, which no rule matches."""

    __slots__ = ("at", "lines", "module", "source", "texts")

    def __init__(self, text: str, module: str) -> None:
        self.module = module
        self.source = text.split("\n")
        self.texts, self.lines = tokenize(text)
        self.at = 0

    def peek(self) -> str:
        """The token here."""
        return self.texts[self.at]

    def line(self) -> int:
        """The line of the token here."""
        return self.lines[self.at]

    def take(self) -> str:
        """The token here; moves on."""
        text = self.texts[self.at]
        if text is END:
            self.fail("the text ends too early")
        self.at += 1
        return text

    def accept(self, text: str) -> bool:
        """Move over `text` if it is here."""
        if self.texts[self.at] != text:
            return False
        self.at += 1
        return True

    def expect(self, text: str) -> None:
        """Move over `text`, which must be here."""
        if self.texts[self.at] != text:
            self.fail(f"expected '{text}', found '{self.texts[self.at] or 'the end of the text'}'")
        self.at += 1

    def name(self) -> str:
        """An identifier; moves on."""
        text = self.take()
        if not is_name(text):
            self.at -= 1
            self.fail(f"expected a name, found '{text}'")
        return text

    def fail(self, what: str, line: int | None = None) -> NoReturn:
        """Refuse the module: it breaks the grammar, or names what it never declared."""
        raise self._error(InvalidPtx, what, line)

    def refuse(self, what: str, line: int | None = None) -> NoReturn:
        """Refuse the module for something valid that is not supported."""
        raise self._error(UnsupportedPtx, f"{what} is not supported", line)

    def _error(self, kind: type[VgpuError], what: str, line: int | None) -> VgpuError:
        line = self.line() if line is None else line
        text = self.source[line - 1].strip() if 0 < line <= len(self.source) else ""
        return kind(f"{self.module}:{line}: {what}: {text}" if text else f"{self.module}:{line}: {what}")


def tokenize(text: str) -> tuple[list[str], list[int]]:
    """The tokens of `text` and their lines, counted from 1, closed by `END`."""
    texts: list[str] = []
    lines: list[int] = []
    find = _TOKEN.findall
    line = 0
    # Only "\n" ends a line here, as in every tool that counts lines of PTX.
    for line, row in enumerate(_IGNORED.sub(_blank, text).split("\n"), 1):
        found = find(row)
        if found:
            texts += found
            lines += [line] * len(found)
    texts += [END] * _ENDS
    lines += [line] * _ENDS
    return texts, lines


def is_name(text: str) -> bool:
    """Whether a token is an identifier, without a component or modifiers."""
    return bool(text) and (text[0].isalpha() or text[0] in "%$_") and "." not in text and text != "%"


def _blank(match: re.Match[str]) -> str:
    return match["kept"] or " " + "\n" * match[0].count("\n")
