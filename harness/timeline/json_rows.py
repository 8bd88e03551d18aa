"""Rows of JSON from columns, written a block at a time: no Python object stands for a row.

In: a row as pieces, each a constant text or a column of numbers, times or texts. Out: the bytes of all rows. A block is
a matrix of bytes, as wide as its widest row, with NULs where a row is shorter; without them it is the text. Numbers are
written digit by digit from integers, so that a time of 19 digits stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints: TypeAlias = npt.NDArray[np.int64]
Matrix: TypeAlias = npt.NDArray[np.uint8]
_Unsigned: TypeAlias = npt.NDArray[np.uint64]

_BLOCK = 16384
_GROUP = 10_000  # four digits at once


@dataclass(frozen=True, slots=True)
class Number:
    """Integers."""

    values: Ints

    def matrix(self, block: slice) -> Matrix:
        values = self.values[block]
        return _joined([*_signs(values), _digits(_magnitude(values))])


@dataclass(frozen=True, slots=True)
class Microseconds:
    """Nanoseconds, as microseconds with three decimals."""

    nanoseconds: Ints

    def matrix(self, block: slice) -> Matrix:
        values = self.nanoseconds[block]
        whole, rest = np.divmod(_magnitude(values), 1000)
        return _joined([*_signs(values), _digits(whole), _table(_DECIMALS[rest])])


@dataclass(frozen=True, slots=True)
class Text:
    """Strings of JSON, with their quotes."""

    values: pd.Categorical

    def matrix(self, block: slice) -> Matrix:
        used, codes = np.unique(self.values.codes[block], return_inverse=True)
        texts = np.array([json.dumps(str(self.values.categories[code])).encode() for code in used])
        return texts.view(np.uint8).reshape(len(used), -1)[codes]


@dataclass(frozen=True, slots=True)
class Where:
    """Pieces that only some rows have."""

    present: npt.NDArray[np.bool_]
    pieces: Sequence[Piece]

    def matrix(self, block: slice) -> Matrix:
        present = self.present[block]
        if not present.any():
            return np.zeros((len(present), 0), np.uint8)
        return _matrix(self.pieces, block, len(present)) * present[:, np.newaxis]


Piece: TypeAlias = "bytes | Number | Microseconds | Text | Where"


def rows(pieces: Sequence[Piece], count: int) -> Iterator[bytes]:
    """The text of `count` rows, in blocks."""
    for first in range(0, count, _BLOCK):
        block = slice(first, min(first + _BLOCK, count))
        flat = _matrix(pieces, block, block.stop - block.start).ravel()
        yield flat[flat != 0].tobytes()


def _matrix(pieces: Sequence[Piece], block: slice, count: int) -> Matrix:
    return _joined([_constant(piece, count) if isinstance(piece, bytes) else piece.matrix(block) for piece in pieces])


def _joined(parts: list[Matrix]) -> Matrix:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _constant(text: bytes, count: int) -> Matrix:
    return np.broadcast_to(np.frombuffer(text, np.uint8), (count, len(text)))


def _magnitude(values: Ints) -> _Unsigned:
    return np.abs(values).view(np.uint64)  # that of the least integer fits only there


def _digits(values: _Unsigned) -> Matrix:
    """Decimal digits, NULs before the first."""
    groups = max(1, -(-len(str(int(values.max(initial=0)))) // 4))
    written = np.empty((len(values), groups), np.uint32)
    rest = values
    for place in range(groups - 1, -1, -1):
        rest, digits = np.divmod(rest, _GROUP)
        first = _FIRST_OF_ALL if place == groups - 1 else _FIRST
        written[:, place] = np.where(rest > 0, _FULL[digits], first[digits])
    return _table(written)


def _signs(values: Ints) -> list[Matrix]:
    if values.min(initial=0) >= 0:
        return []
    return [np.where(values < 0, ord("-"), 0).astype(np.uint8)[:, np.newaxis]]


def _table(groups: npt.NDArray[np.uint32]) -> Matrix:
    return groups.view(np.uint8).reshape(len(groups), -1)


def _four(form: str) -> npt.NDArray[np.uint32]:
    """The four bytes of each number below 10,000; spaces become NULs."""
    text = "".join(format(number, form) for number in range(_GROUP)).replace(" ", "\0")
    return np.frombuffer(text.encode(), np.uint32)


_FULL = _four("04")  # digits behind others
_DECIMALS = np.frombuffer(b"".join(b".%03d" % number for number in range(1000)), np.uint32)
_FIRST_OF_ALL = _four("4")  # the last group: a zero is written
_FIRST = np.where(np.arange(_GROUP) > 0, _FIRST_OF_ALL, 0).astype(np.uint32)  # the first digits, or none
