"""What register instructions compute, one thread at a time, on Python integers (PTX ISA, chapter 9.7).

In: opcode and modifiers. Out: how wide the operands are, and a function from their bits to the result's bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.vgpu.differential import floats
from tests.vgpu.differential.floats import FORMATS, HALF, Format

BOOLEAN: dict[str, Callable[[int, int], int]] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """Widths in bits of the result and of each source; `compute` takes and gives unsigned bit patterns.

    A predicate has width 1. `extends`: how the result fills a wider register, "s" or "u".
    """

    result: int
    sources: tuple[int, ...]
    compute: Callable[..., int]
    extends: str = "u"


def width(type_: str) -> int:
    """Bits of a type: pred, s32, f16x2, ..."""
    if type_ == "pred":
        return 1
    return 32 if type_.endswith("x2") else int(type_[1:])


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def number(value: int, type_: str) -> int:
    """The integer that bits of a type stand for."""
    return signed(value, width(type_)) if type_[0] == "s" else value


def meaning(opcode: str, modifiers: Sequence[str]) -> Meaning | None:
    """None where this interpreter does not know the instruction."""
    type_ = modifiers[-1] if modifiers else ""
    if opcode == "cvt":
        return _conversion(modifiers)
    if opcode in ("setp", "set"):
        return _comparison(modifiers) if opcode == "setp" else None
    if opcode == "selp":
        bits = width(type_)
        return Meaning(bits, (bits, bits, 1), lambda a, b, p: a if p else b)
    if opcode == "slct":
        return _slct(modifiers)
    if type_ in ("f16", "f32", "f64", "f16x2"):
        return _floating(opcode, modifiers[:-1], type_)
    return _integer(opcode, modifiers[:-1], type_)


# --- integers, logic, shifts ------------------------------------------------------------------


def _integer(opcode: str, modifiers: Sequence[str], type_: str) -> Meaning | None:
    bits = width(type_)
    ones = (1 << bits) - 1

    def on_numbers(compute: Callable[..., int], count: int, result: int = bits) -> Meaning:
        mask = (1 << result) - 1
        return Meaning(result, (bits,) * count, lambda *v: compute(*(number(x, type_) for x in v)) & mask)

    if opcode in ("mul", "mad"):
        return _product(modifiers, type_, with_addend=opcode == "mad")
    simple: dict[str, tuple[Callable[..., int], int]] = {
        "add": (lambda a, b: a + b, 2),
        "sub": (lambda a, b: a - b, 2),
        "min": (min, 2),
        "max": (max, 2),
        "neg": (lambda a: -a, 1),
        "abs": (abs, 1),
        "and": (lambda a, b: a & b, 2),
        "or": (lambda a, b: a | b, 2),
        "xor": (lambda a, b: a ^ b, 2),
        "not": (lambda a: ~a, 1),
        "cnot": (lambda a: int(a == 0), 1),
        "div": (_quotient, 2),
        "rem": (lambda a, b: a - _quotient(a, b) * b, 2),
        "brev": (lambda a: int(f"{a:0{bits}b}"[::-1], 2), 1),
    }
    if opcode in simple and not modifiers:
        return on_numbers(*simple[opcode])
    if opcode == "sad":
        return Meaning(bits, (bits,) * 3, lambda a, b, c: c + abs(number(a, type_) - number(b, type_)) & ones)
    if opcode == "popc":
        return on_numbers(lambda a: a.bit_count(), 1, 32)
    if opcode == "clz":
        return on_numbers(lambda a: bits - a.bit_length(), 1, 32)
    if opcode == "bfind":
        return Meaning(32, (bits,), lambda a: _highest(number(a, type_), bits, "shiftamt" in modifiers))
    if opcode == "shl":
        return Meaning(bits, (bits, 32), lambda a, n: a << n & ones if n < bits else 0)
    if opcode == "shr":
        return Meaning(bits, (bits, 32), lambda a, n: number(a, type_) >> min(n, bits) & ones)
    if opcode == "bfe":
        return Meaning(bits, (bits, 32, 32), lambda a, p, n: _extract(a, p & 255, n & 255, bits, type_[0] == "s"))
    if opcode == "bfi":
        return Meaning(bits, (bits, bits, 32, 32), lambda a, b, p, n: _insert(a, b, p & 255, n & 255, bits))
    if opcode == "lop3":
        return Meaning(32, (32, 32, 32, 32), _lop3)
    if opcode == "shf":
        return Meaning(32, (32, 32, 32), lambda a, b, n: _funnel(modifiers, a, b, n))
    if opcode == "prmt" and not modifiers:
        return Meaning(32, (32, 32, 32), _permute)
    if opcode == "mov":
        return Meaning(bits, (bits,), lambda a: a)
    return None


def _quotient(a: int, b: int) -> int:
    """Towards zero."""
    size = abs(a) // abs(b)
    return size if (a < 0) == (b < 0) else -size


def _product(modifiers: Sequence[str], type_: str, with_addend: bool) -> Meaning | None:
    bits = width(type_)
    part = modifiers[0] if modifiers else ""
    if part not in ("lo", "hi", "wide"):
        return None
    result = 2 * bits if part == "wide" else bits
    drop = bits if part == "hi" else 0
    mask = (1 << result) - 1

    def compute(a: int, b: int, c: int = 0) -> int:
        return (number(a, type_) * number(b, type_) >> drop) + c & mask

    return Meaning(result, (bits, bits, result) if with_addend else (bits, bits), compute)


def _highest(a: int, bits: int, as_shift: bool) -> int:
    """bfind: the highest bit that is not a sign bit, or all ones."""
    a = ~a if a < 0 else a
    if a == 0:
        return 0xFFFFFFFF
    return bits - a.bit_length() if as_shift else a.bit_length() - 1


def _extract(a: int, position: int, length: int, bits: int, is_signed: bool) -> int:
    """The pseudocode of bfe, bit by bit."""
    sign = a >> min(position + length - 1, bits - 1) & 1 if is_signed and length else 0
    result = 0
    for i in range(bits):
        inside = i < length and position + i < bits
        result |= (a >> position + i & 1 if inside else sign) << i
    return result


def _insert(a: int, b: int, position: int, length: int, bits: int) -> int:
    """The pseudocode of bfi, bit by bit."""
    for i in range(length):
        if position + i < bits:
            b = b & ~(1 << position + i) | (a >> i & 1) << position + i
    return b


def _lop3(a: int, b: int, c: int, table: int) -> int:
    result = 0
    for i in range(32):
        row = (a >> i & 1) << 2 | (b >> i & 1) << 1 | c >> i & 1
        result |= (table >> row & 1) << i
    return result


def _funnel(modifiers: Sequence[str], a: int, b: int, n: int) -> int:
    direction, mode = modifiers
    n = n & 31 if mode == "wrap" else min(n, 32)
    both = b << 32 | a
    return (both << n >> 32 if direction == "l" else both >> n) & 0xFFFFFFFF


def _permute(a: int, b: int, selector: int) -> int:
    """prmt in its default mode: four nibbles choose bytes; bit 3 spreads the byte's sign."""
    result = 0
    for i in range(4):
        choice = selector >> 4 * i & 15
        byte = (b << 32 | a) >> 8 * (choice & 7) & 255
        if choice & 8:
            byte = 255 if byte & 128 else 0
        result |= byte << 8 * i
    return result


# --- comparison -------------------------------------------------------------------------------


def _comparison(modifiers: Sequence[str]) -> Meaning:
    name, *combine, type_ = modifiers
    bits = width(type_)
    if type_ in FORMATS:
        f = FORMATS[type_]

        def test(a: int, b: int) -> int:
            if "ftz" in combine:
                a, b = floats.flushed(f, a), floats.flushed(f, b)
            return int(floats.compare(f, name, a, b))
    else:

        def test(a: int, b: int) -> int:
            x, y = number(a, type_), number(b, type_)
            return int({"eq": x == y, "ne": x != y, "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y,
                        "lo": x < y, "ls": x <= y, "hi": x > y, "hs": x >= y}[name])  # fmt: skip

    return Meaning(1, (bits, bits), test)


def _slct(modifiers: Sequence[str]) -> Meaning:
    type_, condition = modifiers
    bits = width(type_)

    def compute(a: int, b: int, c: int) -> int:
        if condition == "s32":
            return a if signed(c, 32) >= 0 else b
        return a if floats.compare(FORMATS["f32"], "ge", c, 0) else b

    return Meaning(bits, (bits, bits, 32), compute)


# --- floating point ---------------------------------------------------------------------------

ROUNDINGS = ("rn", "rz", "rm", "rp")


def _floating(opcode: str, modifiers: Sequence[str], type_: str) -> Meaning | None:
    if type_ == "f16x2":
        half = _floating(opcode, modifiers, "f16")
        if half is None:
            return None
        count = len(half.sources)
        return Meaning(32, (32,) * count, lambda *v: half.compute(*(x & 0xFFFF for x in v))
                       | half.compute(*(x >> 16 for x in v)) << 16)  # fmt: skip
    f = FORMATS[type_]
    mode = next((m for m in modifiers if m in ROUNDINGS), "rn")
    found = _operation(opcode, f, mode)
    if found is None or not set(modifiers) <= {mode, "ftz", "sat", "NaN", "relu"}:
        return None
    operation, count = found

    def compute(*values: int) -> int:
        if "ftz" in modifiers:
            values = tuple(floats.flushed(f, v) for v in values)
        if "NaN" in modifiers and any(floats.is_nan(f, v) for v in values):
            return f.nan
        result = operation(*values)
        if "ftz" in modifiers:
            result = floats.flushed(f, result)
        if "relu" in modifiers and not floats.is_nan(f, result) and floats.sign_of(f, result):
            return 0
        return floats.saturated(f, result) if "sat" in modifiers else result

    return Meaning(f.bits, (f.bits,) * count, compute)


def _operation(opcode: str, f: Format, mode: str) -> tuple[Callable[..., int], int] | None:
    """The operation and its number of operands."""
    table: dict[str, tuple[Callable[..., int], int]] = {
        "add": (lambda a, b: floats.add(f, a, b, mode), 2),
        "sub": (lambda a, b: floats.add(f, a, floats.negated(f, b), mode), 2),
        "mul": (lambda a, b: floats.multiply(f, a, b, mode), 2),
        "fma": (lambda a, b, c: floats.fma(f, a, b, c, mode), 3),
        "div": (lambda a, b: floats.divide(f, a, b, mode), 2),
        "rcp": (lambda a: floats.divide(f, f.one, a, mode), 1),
        "sqrt": (lambda a: floats.root(f, a, mode), 1),
        "min": (lambda a, b: floats.extreme(f, "min", a, b), 2),
        "max": (lambda a, b: floats.extreme(f, "max", a, b), 2),
        "neg": (lambda a: floats.negated(f, a), 1),
        "abs": (lambda a: a & f.sign_bit - 1, 1),
        "copysign": (lambda a, b: b & f.sign_bit - 1 | a & f.sign_bit, 2),
        "mov": (lambda a: a, 1),
    }
    return table.get(opcode)


# --- cvt --------------------------------------------------------------------------------------


def _conversion(modifiers: Sequence[str]) -> Meaning | None:
    target, source = modifiers[-2:]
    flags = modifiers[:-2]
    mode = next((m for m in flags if m[0] == "r"), "")
    if (target, source) == ("f16x2", "f32"):
        f = FORMATS["f32"]
        return Meaning(32, (32, 32), lambda a, b: floats.converted(f, HALF, a, mode) << 16
                       | floats.converted(f, HALF, b, mode))  # fmt: skip
    if source in FORMATS:
        if target in FORMATS:
            compute = _float_to_float(FORMATS[source], FORMATS[target], mode, flags)
        else:
            compute = _float_to_integer(FORMATS[source], target, mode, flags)
    elif target in FORMATS:
        to = FORMATS[target]

        def compute(a: int) -> int:
            result = floats.from_integer(to, number(a, source), mode)
            return floats.saturated(to, result) if "sat" in flags else result
    else:

        def compute(a: int) -> int:
            value = number(a, source)
            if "sat" in flags:
                low, high = limits(target)
                value = max(low, min(high, value))
            return value & (1 << width(target)) - 1

    return Meaning(width(target), (width(source),), compute, "s" if target[0] == "s" else "u")


def limits(type_: str) -> tuple[int, int]:
    """The smallest and largest integer of a type."""
    bits = width(type_)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if type_[0] == "s" else (0, (1 << bits) - 1)


def _float_to_integer(f: Format, target: str, mode: str, flags: Sequence[str]) -> Callable[[int], int]:
    """NaN: 0, or the top bit alone where the source is f64 or the target has 64 bits (PTX ISA: cvt)."""
    bits = width(target)
    low, high = limits(target)
    for_nan = 1 << bits - 1 if f.bits == 64 or bits == 64 else 0

    def compute(a: int) -> int:
        if "ftz" in flags and f.bits == 32:
            a = floats.flushed(f, a)
        if floats.is_nan(f, a):
            return for_nan
        return floats.clamped_integer(f, a, mode, low, high) & (1 << bits) - 1

    return compute


def _float_to_float(f: Format, to: Format, mode: str, flags: Sequence[str]) -> Callable[[int], int]:
    def compute(a: int) -> int:
        if "ftz" in flags and f.bits == 32:
            a = floats.flushed(f, a)
        if mode in ("rni", "rzi", "rmi", "rpi"):
            a = floats.integral(f, a, mode)
            result = floats.converted(f, to, a)
        else:
            result = floats.converted(f, to, a, mode or "rn")
        if "ftz" in flags and to.bits == 32:
            result = floats.flushed(to, result)
        return floats.saturated(to, result) if "sat" in flags else result

    return compute
