"""What bad elements have in common, in words that point at a bug: the tail of a row, every second element, one row's
mean, memory that was never written.

In: an output, the oracle's, where they differ, the inputs. Out: hints, the most telling first; none where nothing
stands out. Each is cheap, and only looked for where a case has failed already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from harness.equality.measure import finite
from harness.equality.poison import unwritten

MOST = 3  # hints
WARP = 32
_CLOSE = 0.02  # of an error's size: how much it may vary and still count as constant


@dataclass(frozen=True, slots=True)
class Seen:
    """A failed output, and its rows: every dimension but the last as one."""

    got: torch.Tensor
    oracle: torch.Tensor
    wrong: torch.Tensor
    inputs: Sequence[torch.Tensor]


def hints(
    got: torch.Tensor, oracle: torch.Tensor, wrong: torch.Tensor, inputs: Sequence[torch.Tensor]
) -> tuple[str, ...]:
    """At most three."""
    if got.numel() == 0 or not wrong.any():
        return ()
    alike = [_as_rows(tensor) for tensor in inputs if tensor.shape == got.shape]
    seen = Seen(_as_rows(got), _as_rows(oracle), _as_rows(wrong), alike)
    found = (text for look in _LOOKS if (text := look(seen)))
    return tuple(text for text, _ in zip(found, range(MOST), strict=False))


def _as_rows(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().reshape(-1, tensor.shape[-1] if tensor.dim() else 1)


def _never_written(seen: Seen) -> str:
    count = int(unwritten(seen.got).sum())
    if not count:
        return ""
    return f"{count} of {seen.got.numel()} elements were never written: they hold the poison that was there before"


def _known_content(seen: Seen) -> str:
    """Zeros, a constant, an input, the negative: what stands there instead of the result."""
    got = seen.got.double()
    if not finite(got).any():
        return "the whole output is zero" if bool((got == 0).all()) else ""
    if got.numel() > 1 and bool((got == got.reshape(-1)[0]).all()):
        return f"the whole output is {got.reshape(-1)[0].item():.6g}"
    for number, tensor in enumerate(seen.inputs):
        if torch.equal(tensor.double(), got):
            return f"the output equals the input of its shape, number {number + 1} of {len(seen.inputs)}"
    return "the output has the wrong sign everywhere" if _agrees(-got, seen.oracle) else ""


def _moved(seen: Seen) -> str:
    """The right numbers at another place: a row or a column further."""
    rows, cols = seen.got.shape
    for by in (1, -1, 2, -2, 4, -4, 8, -8):
        side = "right" if by > 0 else "left"
        if cols > abs(by) and _agrees(seen.got, seen.oracle.roll(by, dims=1)):
            return f"every row holds the right values {abs(by)} columns to the {side}"
        if rows > abs(by) and _agrees(seen.got, seen.oracle.roll(by, dims=0)):
            return f"the right rows stand {abs(by)} rows {'below' if by > 0 else 'above'} their places"
    return ""


def _columns(seen: Seen) -> str:
    """Which columns are bad: the tail, the head, or a stride."""
    cols = seen.wrong.shape[1]
    bad = seen.wrong.any(dim=0).nonzero().reshape(-1)
    first, last, count = int(bad[0]), int(bad[-1]), len(bad)
    if count == cols or cols < 2:
        return ""
    for stride in (WARP, 16, 8, 4, 2):
        residues = (bad % stride).unique()
        if len(residues) == 1 and count >= min(4, -(-cols // stride)):
            which = ("even", "odd")[int(residues[0])] if stride == 2 else f"{int(residues[0])} modulo {stride}"
            return f"all errors are in columns that are {which}, of {cols}"
    if first > 0 and last == cols - 1:
        return f"all errors are in columns >= {first} of {cols}: the tail of the rows"
    if last < cols - 1:
        return f"all errors are in columns {first} to {last} of {cols}"
    return ""


def _rows(seen: Seen) -> str:
    """Which rows are bad: the last ones, or whole rows among good ones."""
    rows = seen.wrong.shape[0]
    bad = seen.wrong.any(dim=1).nonzero().reshape(-1)
    first, last, count = int(bad[0]), int(bad[-1]), len(bad)
    if count == rows or rows < 2:
        return ""
    if first > 0 and last == rows - 1 and count == rows - first:
        return f"all errors are in rows >= {first} of {rows}: the last rows"
    whole = bool(seen.wrong[bad].all(dim=1).all()) and seen.wrong.shape[1] > 1
    listed = ", ".join(str(int(row)) for row in bad[:5]) + (", ..." if count > 5 else "")
    return f"{count} of {rows} rows are wrong{' from end to end' if whole else ''}: {listed}"


def _row_error(seen: Seen) -> str:
    """An error that is the same, or the same factor, all along each row."""
    if seen.got.shape[1] < 4:
        return ""
    got, oracle = finite(seen.got.double()), finite(seen.oracle)
    error = got - oracle
    bad = seen.wrong.any(dim=1)
    error, got, oracle = error[bad], got[bad], oracle[bad]
    mean = error.mean(dim=1, keepdim=True)
    if _small(error - mean, error):
        return "the error is the same along each row: a mean, a maximum or an offset of the row is wrong"
    factor = (got * oracle).sum(dim=1, keepdim=True) / (oracle * oracle).sum(dim=1, keepdim=True).clamp(min=1e-300)
    if _small(got - factor * oracle, error):
        first = f"the first by {factor[0].item():.6g}"
        return f"each bad row is a multiple of the right one ({first}): a scale or a sum is wrong"
    column = error.mean(dim=0, keepdim=True)
    if len(error) > 1 and _small(error - column, error):
        return "the error is the same in every row: an operand that only columns have, such as a bias or a weight"
    return ""


def _agrees(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal up to rounding, and not by being all alike."""
    other = finite(other.double())
    return bool((other != other.reshape(-1)[0]).any()) and _small(finite(one.double()) - other, other)


def _small(rest: torch.Tensor, whole: torch.Tensor) -> bool:
    return bool(torch.linalg.vector_norm(rest) <= _CLOSE * torch.linalg.vector_norm(whole))


_LOOKS: tuple[Callable[[Seen], str], ...] = (_never_written, _known_content, _moved, _columns, _rows, _row_error)
