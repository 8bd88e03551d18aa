"""Families of inputs: what an argument can hold besides the values that a suite makes, and how it can lie in memory.

In: a suite's inputs, and the name of a family: "near-overflow", or "near-overflow:x" for one argument alone. Out: the
same inputs, with every argument that the suite declares for the family replaced: same shapes and dtypes, other values;
or same values, laid out otherwise. A table; the suite says which rows make sense for which argument:

    @suite(..., families={"x": (*ORDINARY, "near-overflow"), "bias": ORDINARY, "masked": MASKS})
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.dtypes import Scalar, scalar_of
from harness.equality.tensors import map_tensors, tensors_of_call
from harness.errors import FuseproofError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from harness.case import Case

Kind = Literal["values", "mask", "layout", "far"]


@dataclass(frozen=True, slots=True)
class Family:
    """`make` takes a generator and a tensor, and gives the one that stands for it."""

    name: str
    kind: Kind
    text: str
    make: Callable[[np.random.Generator, torch.Tensor], torch.Tensor]


def named(name: str) -> Family:
    """The family of a name, which may end in ":argument"."""
    own = name.partition(":")[0]
    if own not in FAMILIES:
        raise FuseproofError(f"no family of inputs is called {own!r}: there are {', '.join(FAMILIES)}")
    return FAMILIES[own]


def is_layout(name: str) -> bool:
    """Whether a family leaves the values alone: a function may refuse such inputs, in a sentence."""
    return bool(name) and named(name).kind == "layout"


def expanded(declared: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The names under which a suite's families run: values in all their arguments at once, layouts in one at a time."""
    names: dict[str, None] = {}
    for argument, its in declared.items():
        for name in its:
            together = named(name).kind != "layout" or name == ROWLESS
            names[name if together else f"{name}:{argument}"] = None
    return tuple(names)


def apply(
    name: str, inputs: tuple[Any, ...], arguments: Sequence[str], declared: Mapping[str, Iterable[str]], case: Case
) -> tuple[Any, ...]:
    """The inputs of a case with this family's values. An argument of several tensors is declared as a whole."""
    family, only = named(name), name.partition(":")[2]
    names = [argument for argument, _ in tensors_of_call(inputs, arguments)]
    position = iter(names)
    touched = []

    def replaced(tensor: torch.Tensor) -> torch.Tensor:
        argument = next(position)
        whole = argument.partition("[")[0]
        if family.name not in tuple(declared.get(whole, ())) or only not in ("", whole):
            return tensor
        touched.append(argument)
        made = family.make(_generator(f"{case.seed}/{case.suite}/{case.id}/{argument}"), tensor)
        return made if family.kind == "layout" else made.to(tensor.dtype).to(tensor.device)

    made = map_tensors(replaced, inputs)
    if not touched:
        raise FuseproofError(f"{case.suite} declares no argument for the family {name!r}: @suite(families=...)")
    return made


def require_not_neutral(inputs: tuple[Any, ...], arguments: Sequence[str]) -> None:
    """Raise where an argument would leave the result alone: zeros, ones, a mask that hides nothing or everything."""
    for name, tensor in tensors_of_call(inputs, arguments):
        if tensor.is_floating_point() and tensor.numel():
            first = tensor.reshape(-1)[0]
            if first.item() in (0.0, 1.0) and bool((tensor == first).all()):
                raise FuseproofError(f"{name} is {first.item():g} everywhere: {_IGNORED}")
        elif (
            tensor.dim()
            and tensor.shape[-1] > 1
            and tensor.numel()
            and str(tensor.dtype) == "torch.bool"
            and bool((tensor == tensor.reshape(-1)[0]).all())
        ):
            raise FuseproofError(f"{name} is the same everywhere: {_IGNORED}")
    for number, value in enumerate(inputs):
        if isinstance(value, float) and value in (0.0, 1.0):
            name = arguments[number] if number < len(arguments) else f"input[{number}]"
            raise FuseproofError(f"{name} is {value:g}: {_IGNORED}")


_IGNORED = "a kernel that ignores it would pass; let the suite draw it (case.randn, case.mask) or choose another number"


def _generator(name: str) -> np.random.Generator:
    import numpy as np

    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


# --- values ------------------------------------------------------------------------------------------------


def _values(draw: Callable[[np.random.Generator, tuple[int, ...], Scalar], Any]) -> Callable[..., torch.Tensor]:
    """A family from a function that draws FP64 values for a shape, with at least one dimension, and a dtype."""

    def make(random: np.random.Generator, tensor: torch.Tensor) -> torch.Tensor:
        import numpy as np
        import torch

        scalar = scalar_of(tensor.dtype)
        if scalar is None:
            raise FuseproofError(f"a {tensor.dtype} argument takes no family of floating values")
        drawn = np.asarray(draw(random, tuple(tensor.shape) or (1,), scalar))
        fresh = torch.empty(tensor.shape, dtype=tensor.dtype)
        return fresh.copy_(torch.from_numpy(np.ascontiguousarray(drawn)).reshape(tensor.shape))

    return make


def _rows(values: Any) -> Any:
    """The same memory as a matrix: every dimension but the last as one."""
    return values.reshape(math.prod(values.shape[:-1]), values.shape[-1])


def _signs(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return random.integers(0, 2, shape) * 2 - 1


def _largest(scalar: Scalar) -> float:
    import torch

    return float(torch.finfo(scalar.torch).max)


def _near_overflow(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
    return _signs(random, shape) * random.uniform(0.25, 0.98, shape) * _largest(scalar)


def _far_below(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
    return random.standard_normal(shape) * 8 - min(2e6, 0.9 * _largest(scalar))


def _denormal(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
    return _signs(random, shape) * random.integers(1, 1 << min(scalar.digits - 1, 50), shape) * scalar.tiny


def _one_hot(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
    import numpy as np

    values = np.zeros(shape)
    hot = random.integers(0, max(shape[-1], 1), (*shape[:-1], 1))
    if values.size:
        np.put_along_axis(values, hot, random.uniform(4, 8, hot.shape), axis=-1)
    return values


def _alternating(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
    import numpy as np

    return np.where(np.arange(shape[-1]) % 2, -1.0, 1.0) * np.abs(random.standard_normal(shape))


def _sprinkled(*values: float) -> Callable[..., Any]:
    """Normal numbers, and in every second row one of `values`: the rows between must stay as they are."""

    def draw(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
        drawn = random.standard_normal(shape)
        rows = _rows(drawn)
        for row in range(0, len(rows), 2):
            if shape[-1]:
                rows[row, random.integers(0, shape[-1])] = values[row // 2 % len(values)]
        return drawn

    return draw


def _minus_infinity(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
    """An additive mask: -inf in a third of the elements, but not in the first of a row."""
    import numpy as np

    drawn = np.where(random.random(shape) < 1 / 3, -np.inf, random.standard_normal(shape))
    drawn[..., :1] = 0.25
    return drawn


def _minus_infinity_rows(random: np.random.Generator, shape: tuple[int, ...], scalar: Scalar) -> Any:
    import numpy as np

    drawn = random.standard_normal(shape)
    _rows(drawn)[::2] = -np.inf
    return drawn


# --- masks -------------------------------------------------------------------------------------------------


def _mask(draw: Callable[[np.random.Generator, tuple[int, ...]], Any]) -> Callable[..., torch.Tensor]:
    def make(random: np.random.Generator, tensor: torch.Tensor) -> torch.Tensor:
        import numpy as np
        import torch

        return torch.from_numpy(np.ascontiguousarray(draw(random, tuple(tensor.shape)), dtype=bool)).clone()

    return make


def _filled(value: bool) -> Callable[..., Any]:
    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
        import numpy as np

        return np.full(shape, value)

    return draw


def _some_rows(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Every second row as a whole, the others in parts."""
    drawn = random.random(shape) < 0.5
    rows = _rows(drawn)
    rows[::2] = True
    rows[1::2, :1] = False
    return drawn


def _all_but_one(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    import numpy as np

    drawn = np.full(shape, True)
    np.put_along_axis(drawn, random.integers(0, shape[-1], (*shape[:-1], 1)), False, axis=-1)
    return drawn


# --- layouts -----------------------------------------------------------------------------------------------


def _misaligned(random: np.random.Generator, tensor: torch.Tensor) -> torch.Tensor:
    """A dense view that starts one element into its memory; poison lies before and behind it."""
    around = _poisoned(tensor, tensor.numel() + 2)
    return around[1:-1].view(tensor.shape).copy_(tensor)


def _strided(random: np.random.Generator, tensor: torch.Tensor) -> torch.Tensor:
    """Every second element along the last dimension of a tensor twice as wide; poison lies between."""
    if tensor.dim() == 0:
        return tensor
    wide = _poisoned(tensor, 2 * tensor.numel()).view(*tensor.shape[:-1], 2 * tensor.shape[-1])
    return wide[..., ::2].copy_(tensor)


def _transposed(random: np.random.Generator, tensor: torch.Tensor) -> torch.Tensor:
    """The same values, column after column."""
    return tensor.transpose(-1, -2).contiguous().transpose(-1, -2) if tensor.dim() > 1 else tensor


def _wide_rows(random: np.random.Generator, tensor: torch.Tensor) -> torch.Tensor:
    """Rows with poison behind each: the left part of a wider tensor."""
    if tensor.dim() < 2:
        return tensor
    wide = _poisoned(tensor, tensor.numel() // max(tensor.shape[-1], 1) * (tensor.shape[-1] + 8))
    return wide.view(*tensor.shape[:-1], tensor.shape[-1] + 8)[..., : tensor.shape[-1]].copy_(tensor)


def _rowless(random: np.random.Generator, tensor: torch.Tensor) -> torch.Tensor:
    return tensor[:0]


def _poisoned(like: torch.Tensor, count: int) -> torch.Tensor:
    import torch

    from harness.equality.poison import poison

    flat = torch.empty(count, dtype=like.dtype, device=like.device)
    poison(flat)
    return flat


_TABLE = (
    Family("uniform", "values", "from -1 to 1", _values(lambda random, shape, scalar: random.uniform(-1, 1, shape))),
    Family("large", "values", "normal, times 1000: squares overflow FP16",
           _values(lambda random, shape, scalar: 1000 * random.standard_normal(shape).clip(-6, 6))),
    Family("off-centre", "values", "normal, around 50: E[x^2] - E[x]^2 cancels",
           _values(lambda random, shape, scalar: 50 + random.standard_normal(shape))),
    Family("far-below", "values", "normal, around -2,000,000: below what stands for -inf where that is not used",
           _values(_far_below)),
    Family("near-overflow", "values", "from a quarter to 0.98 of the largest number, either sign",
           _values(_near_overflow)),
    Family("denormal", "values", "below the smallest normal number, either sign", _values(_denormal)),
    Family("constant", "values", "one number in all of a row",
           _values(lambda random, shape, scalar: random.standard_normal((*shape[:-1], 1)).repeat(shape[-1], -1))),
    Family("one-hot", "values", "zeros, but for one element of each row", _values(_one_hot)),
    Family("sorted", "values", "normal, ascending along each row",
           _values(lambda random, shape, scalar: sorted_rows(random.standard_normal(shape)))),
    Family("alternating", "values", "normal, + and - in turn", _values(_alternating)),
    Family("infinite", "values", "normal, with inf or -inf in every second row",
           _values(_sprinkled(float("inf"), float("-inf")))),
    Family("nan", "values", "normal, with a NaN in every second row", _values(_sprinkled(float("nan")))),
    Family("minus-infinity", "values", "an additive mask: -inf in a third of each row", _values(_minus_infinity)),
    Family("minus-infinity-rows", "values", "every second row is -inf as a whole", _values(_minus_infinity_rows)),
    Family("mask-none", "mask", "false everywhere", _mask(_filled(False))),
    Family("mask-all", "mask", "true everywhere", _mask(_filled(True))),
    Family("mask-rows", "mask", "every second row true as a whole, the others in parts", _mask(_some_rows)),
    Family("mask-all-but-one", "mask", "one false element a row", _mask(_all_but_one)),
    Family("misaligned", "layout", "a dense view one element into its memory", _misaligned),
    Family("strided", "layout", "every second element of a wider tensor", _strided),
    Family("wide-rows", "layout", "the left part of a wider tensor", _wide_rows),
    Family("transposed", "layout", "column after column", _transposed),
    Family("zero-rows", "layout", "no rows at all", _rowless),
    Family("far", "far", "offsets beyond 2^32 elements, first and last blocks only: `harness.equality.far`",
           lambda random, tensor: tensor),
)  # fmt: skip

FAMILIES: dict[str, Family] = {family.name: family for family in _TABLE}
ORDINARY = ("uniform", "large", "off-centre", "constant", "one-hot", "sorted", "alternating")
MASKS = tuple(name for name, family in FAMILIES.items() if family.kind == "mask")
VIEWS = ("misaligned", "strided", "wide-rows", "transposed")
ROWLESS = "zero-rows"
FAR = "far"


def sorted_rows(values: Any) -> Any:
    """Ascending along the last dimension."""
    import numpy as np

    return np.sort(values, axis=-1)
