"""The axes of a suite and the cases that their product makes.

In: values by axis, as a suite states them or as a command line overrides them. Out: the axes of each case, in order.

    Sweep(batch=(1, 8), seq=(32, 128), dtype=("fp16", "fp32"), hidden=768) + Sweep(batch=1, seq=1, hidden=1021)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TypeAlias

from harness.dtypes import scalar_named
from harness.errors import FuseproofError

AxisValue: TypeAlias = int | str
Axes: TypeAlias = dict[str, AxisValue]

_SHORT = {"dtype": "", "batch": "b", "seq": "s"}


class Sweep:
    """Values by axis; the last axis named varies fastest, with dtype before all others.

    Each axis takes one value or a sequence; values are whole numbers or words. `batch` and `seq` may be left out,
    and any further axis may be named. Adding two sweeps appends the cases of the second.
    """

    def __init__(
        self,
        *,
        batch: AxisValue | Sequence[AxisValue] | None = None,
        seq: AxisValue | Sequence[AxisValue] | None = None,
        dtype: AxisValue | Sequence[AxisValue] = ("fp16", "fp32"),
        **axes: AxisValue | Sequence[AxisValue],
    ) -> None:
        given = {"dtype": dtype, "batch": batch, "seq": seq, **axes}
        part = {name: axis_values(name, values) for name, values in given.items() if values is not None}
        self._parts: tuple[dict[str, tuple[AxisValue, ...]], ...] = (part,)

    def __add__(self, other: Sweep) -> Sweep:
        return _of((*self._parts, *other._parts))

    def __iter__(self) -> Iterator[Axes]:
        """The axes of every case, each id once."""
        seen = set()
        for part in self._parts:
            for values in product(*part.values()):
                axes = dict(zip(part, values, strict=True))
                if (name := case_id(axes)) not in seen:
                    seen.add(name)
                    yield axes

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def axes(self) -> frozenset[str]:
        """The names of all axes."""
        return frozenset(name for part in self._parts for name in part)

    def override(self, values: Mapping[str, Sequence[AxisValue]]) -> Sweep:
        """The same sweep with other values on the axes named; axes that it does not have are left out."""
        checked = {name: axis_values(name, wanted) for name, wanted in values.items()}
        return _of([{name: checked.get(name, own) for name, own in part.items()} for part in self._parts])

    def parts(self) -> list[Sweep]:
        """The sweeps that were added up to this one."""
        return [_of([part]) for part in self._parts]

    def quick(self) -> Sweep:
        """The first value of every axis of every part, all dtypes: what a smoke test runs."""
        return _of([{name: own if name == "dtype" else own[:1] for name, own in part.items()} for part in self._parts])


def case_id(axes: Mapping[str, AxisValue]) -> str:
    """`fp16-b8-s128`, then other axes in their order: `-hidden1021` for a number, the word alone for a word."""
    return "-".join(
        f"{_SHORT.get(name, '' if isinstance(value, str) else name)}{value}" for name, value in axes.items()
    )


def parse_values(text: str) -> tuple[AxisValue, ...]:
    """A comma list of a command line: "1,8,32" or "fp16,fp32"."""
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise FuseproofError(f"{text!r} is no comma list of values, such as 1,8,32")
    return tuple(int(word) if word.isdecimal() else word for word in words)


def axis_values(name: str, values: AxisValue | Sequence[AxisValue]) -> tuple[AxisValue, ...]:
    """The values of an axis, one or several, each of a kind that the axis takes."""
    listed = (values,) if isinstance(values, int | str) else tuple(values)
    if not listed:
        raise FuseproofError(f"axis {name!r} of a sweep has no values")
    return tuple(_value(name, value) for value in listed)


def _of(parts: Sequence[dict[str, tuple[AxisValue, ...]]]) -> Sweep:
    sweep = Sweep()
    sweep._parts = tuple(parts)
    return sweep


def _value(name: str, value: AxisValue) -> AxisValue:
    if name == "dtype":
        return scalar_named(str(value)).name
    if name in ("batch", "seq") and (not isinstance(value, int) or value < 1):
        raise FuseproofError(f"axis {name!r} takes whole numbers from 1 up, not {value!r}")
    if not isinstance(value, int | str):
        raise FuseproofError(f"axis {name!r} takes whole numbers or words, not {value!r}")
    return int(value) if isinstance(value, int) else value
