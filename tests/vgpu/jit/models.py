"""What each PTX instruction computes, on Python's integers and fractions: the PTX ISA's pseudocode, form by form.

`models(form)` gives the cases of an instruction with the function that maps the bits of its sources to the bits of
its destinations. Instructions that are about lanes, memory or order have tests of their own: `ELSEWHERE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from harness.vgpu.jit.rules import (
    RULES,
    bits,
    carry,
    directed,
    extremes,
    integer_more,
    match,
    packing,
    pairs,
    short_floats,
    video,
)
from tests.vgpu.jit import exact
from tests.vgpu.jit.exact import NAN, Format, Result
from tests.vgpu.jit.operand_values import FORMATS
from tests.vgpu.jit.ptx_bench import Case

# opcode -> the file that tests it, of those that are about lanes, memory, order, a carry, or approximate
ELSEWHERE = {
    "addc": "families/test_family_integers", "subc": "families/test_family_integers",
    "madc": "families/test_family_integers",
    "cvta": "test_addresses", "isspacep": "test_addresses", "shfl": "test_warp_instructions",
    "vote": "test_warp_instructions", "activemask": "test_warp_instructions", "redux": "test_warp_instructions",
    "match": "test_warp_instructions", "elect": "test_warp_instructions",
    "fence": "test_warp_instructions", "membar": "test_warp_instructions", "bar": "test_waiting",
    "barrier": "test_waiting",
    "nanosleep": "test_warp_instructions", "ex2": "test_approximations", "lg2": "test_approximations",
    "sin": "test_approximations", "cos": "test_approximations", "tanh": "test_approximations",
    "rsqrt": "test_approximations",
}  # fmt: skip

Compute = Callable[..., "Result | tuple[Result, ...]"]


@dataclass(frozen=True, slots=True)
class Model:
    """A case, the kinds of operand values that it wants, and its result; NaN results may have any pattern."""

    case: Case
    kinds: tuple[str, ...]
    compute: Compute
    result_format: Format | None = None  # of a floating-point result, to tell NaNs by
    halves: bool = False  # the result is two halves


def signed(bits: int, width: int) -> int:
    return bits - (1 << width) if bits >> width - 1 else bits


def is_approximate(form: str) -> bool:
    """Whether PTX gives a bound rather than a value that the engine meets exactly; test_approximations has these."""
    opcode, *modifiers = form.split(".")
    return ELSEWHERE.get(opcode) == "test_approximations" or ("approx" in modifiers and modifiers[-1] == "f64")


def has_model(form: str) -> bool:
    return form.split(".")[0] not in ELSEWHERE and not is_approximate(form) and form not in pairs.RULES


@cache
def models(form: str) -> tuple[Model, ...]:
    """Raises LookupError for a form that no family here knows."""
    opcode, *modifiers = form.split(".")
    for family in (_integer, _small_integers, _logic, _bits, _shift, _field, _comparison, _selection, _move,
                   _property, _floating):  # fmt: skip
        found = family(form, opcode, modifiers)
        if found:
            return tuple(found)
    raise LookupError(f"no model of {form}")


# --- integers -----------------------------------------------------------------------------------------------------

REGISTER = {16: "b16", 32: "b32", 64: "b64"}


def _integer_type(type_: str) -> tuple[int, bool] | None:
    if type_[:1] in ("s", "u", "b") and type_[1:] in ("16", "32", "64"):
        return int(type_[1:]), type_[0] == "s"
    return None


def _integer(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    found = _integer_type(modifiers[-1]) if modifiers else None
    if found is None:
        return []
    width, is_signed = found
    ones = (1 << width) - 1

    def read(bits: int, w: int = width) -> int:
        return signed(bits, w) if is_signed else bits

    def quotient(a: int, b: int) -> int:
        """Rounded towards zero; all ones where PTX leaves it open."""
        if b == 0:
            return -1
        x, y = read(a), read(b)
        return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)

    wide = (1 << 2 * width) - 1
    part = modifiers[0] if opcode in ("mul", "mad") else ""

    def finished(value: int) -> int:
        if "relu" in modifiers:
            value = max(value, 0)
        if "sat" in modifiers:
            value = min(max(value, -(1 << width - 1)), (1 << width - 1) - 1)
        return value & ones

    binary: dict[str, Callable[[int, int], int]] = {
        "add": lambda a, b: read(a) + read(b), "sub": lambda a, b: read(a) - read(b), "mullo": lambda a, b: a * b,
        "mulhi": lambda a, b: read(a) * read(b) >> width, "div": quotient,
        "rem": lambda a, b: a - quotient(a, b) * read(b),
        "min": lambda a, b: min(read(a), read(b)), "max": lambda a, b: max(read(a), read(b)),
    }  # fmt: skip
    ternary: dict[str, Callable[[int, int, int], int]] = {
        "madlo": lambda a, b, c: a * b + c,
        "madhi": lambda a, b, c: (read(a) * read(b) >> width) + read(c),
        "sad": lambda a, b, c: c + abs(read(a) - read(b)),
    }
    unary: dict[str, Callable[[int], int]] = {"neg": lambda a: -a, "abs": lambda a: abs(read(a))}
    counts: dict[str, Callable[[int], int]] = {
        "popc": lambda a: a.bit_count(), "clz": lambda a: width - a.bit_length(),
        "bfind": lambda a: ((~a if read(a) < 0 else a) & ones).bit_length() - 1,
    }  # fmt: skip
    register, kind, name = REGISTER[width], f"i{width}", opcode + part
    if name in binary:
        return [_model(form, (register,), (register,) * 2, (kind,) * 2, lambda a, b: finished(binary[name](a, b)))]
    if name in ternary:
        three = (register,) * 3
        return [_model(form, (register,), three, (kind,) * 3, lambda a, b, c: finished(ternary[name](a, b, c)))]
    if name in unary:
        return [_model(form, (register,), (register,), (kind,), lambda a: unary[name](a) & ones)]
    if name in counts and modifiers == [modifiers[-1]]:
        return [_model(form, ("b32",), (register,), (kind,), lambda a: counts[name](a) & 0xFFFFFFFF)]
    if name == "brev":
        return [_model(form, (register,), (register,), (kind,), lambda a: int(f"{a:0{width}b}"[::-1], 2))]
    if name == "mulwide":
        return [
            _model(form, (REGISTER[2 * width],), (register,) * 2, (kind,) * 2, lambda a, b: read(a) * read(b) & wide)
        ]
    if name == "madwide":
        sources, kinds = (register, register, REGISTER[2 * width]), (kind, kind, f"i{2 * width}")
        return [_model(form, sources[2:], sources, kinds, lambda a, b, c: read(a) * read(b) + c & wide)]
    return []


def _small_integers(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    """Integers of 24, 16 or 8 bits in registers of 32."""
    if opcode in ("mul24", "mad24"):
        return [_of_24_bits(form, opcode, modifiers)]
    if opcode in ("dp2a", "dp4a"):
        return [_dot_product(form, opcode, modifiers)]
    type_ = modifiers[-1] if modifiers else ""
    if type_ not in ("u16x2", "s16x2") or opcode not in ("add", "min", "max"):
        return []
    operation = {"add": lambda x, y: x + y, "min": min, "max": max}[opcode]

    def one(a: int, b: int) -> int:
        x, y = (signed(v, 16) if type_[0] == "s" else v for v in (a, b))
        result = operation(x, y)
        return (max(result, 0) if "relu" in modifiers else result) & 0xFFFF

    def both(a: int, b: int) -> int:
        return one(a & 0xFFFF, b & 0xFFFF) | one(a >> 16, b >> 16) << 16

    return [_model(form, ("b32",), ("b32",) * 2, ("i32",) * 2, both)]


def _of_24_bits(form: str, opcode: str, modifiers: list[str]) -> Model:
    is_signed, high = modifiers[-1] == "s32", "hi" in modifiers

    def product(a: int, b: int) -> int:
        x, y = (signed(v & 0xFFFFFF, 24) if is_signed else v & 0xFFFFFF for v in (a, b))
        return x * y >> 16 if high else x * y

    def add(a: int, b: int, c: int) -> int:
        if "sat" not in modifiers:
            return product(a, b) + c & 0xFFFFFFFF
        return min(max(product(a, b) + signed(c, 32), -(1 << 31)), (1 << 31) - 1) & 0xFFFFFFFF

    if opcode == "mul24":
        return _model(form, ("b32",), ("b32",) * 2, ("i32",) * 2, lambda a, b: product(a, b) & 0xFFFFFFFF)
    return _model(form, ("b32",), ("b32",) * 3, ("i32",) * 3, add)


def _dot_product(form: str, opcode: str, modifiers: list[str]) -> Model:
    """Parts of a times bytes of b; of four bytes dp2a takes the lower or the upper two."""
    a_type, b_type = modifiers[-2:]
    width = 8 if opcode == "dp4a" else 16
    first = 2 if modifiers[0] == "hi" else 0

    def compute(a: int, b: int, c: int) -> int:
        for i in range(32 // width):
            x, y = a >> width * i & (1 << width) - 1, b >> 8 * (first + i) & 255
            c += (signed(x, width) if a_type == "s32" else x) * (signed(y, 8) if b_type == "s32" else y)
        return c & 0xFFFFFFFF

    return _model(form, ("b32",), ("b32",) * 3, ("i32",) * 3, compute)


def _model(
    form: str, destinations: tuple[str, ...], sources: tuple[str, ...], kinds: tuple[str, ...], compute: Compute,
    template: str = "", **more: object,
) -> Model:  # fmt: skip
    return Model(Case(form, destinations, sources, template), kinds, compute, **more)  # type: ignore[arg-type]


def _logic(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    type_ = modifiers[-1] if modifiers else ""
    if opcode == "lop3" and modifiers == ["b32"]:
        return [_lop3(form, table) for table in (0x00, 0x01, 0x3C, 0x80, 0x96, 0xE8, 0xFE, 0xFF)]
    operations: dict[str, Callable[[int, int], int]] = {
        "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
    }  # fmt: skip
    if type_ == "pred":
        register, kind, ones = "pred", "pred", 1
    elif type_ in ("b16", "b32", "b64"):
        register, kind, ones = type_, f"i{type_[1:]}", (1 << int(type_[1:])) - 1
    else:
        return []
    if opcode in operations:
        return [_model(form, (register,), (register,) * 2, (kind,) * 2, operations[opcode])]
    if opcode == "not":
        return [_model(form, (register,), (register,), (kind,), lambda a: a ^ ones)]
    if opcode == "cnot":
        return [_model(form, (register,), (register,), (kind,), lambda a: int(a == 0))]
    return []


def _lop3(form: str, table: int) -> Model:
    def compute(a: int, b: int, c: int) -> int:
        result = 0
        for bit in range(32):
            row = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | c >> bit & 1
            result |= (table >> row & 1) << bit
        return result

    return _model(form, ("b32",), ("b32", "b32", "b32", hex(table)), ("i32",) * 3, compute)


PERMUTATIONS = {  # prmt's modes: the bytes of the result, the highest first, by the low bits of the third operand
    "f4e": ((3, 2, 1, 0), (4, 3, 2, 1), (5, 4, 3, 2), (6, 5, 4, 3)),
    "b4e": ((5, 6, 7, 0), (6, 7, 0, 1), (7, 0, 1, 2), (0, 1, 2, 3)),
    "rc8": ((0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3)),
    "ecl": ((3, 2, 1, 0), (3, 2, 1, 1), (3, 2, 2, 2), (3, 3, 3, 3)),
    "ecr": ((0, 0, 0, 0), (1, 1, 1, 0), (2, 2, 1, 0), (3, 2, 1, 0)),
    "rc16": ((1, 0, 1, 0), (3, 2, 3, 2), (1, 0, 1, 0), (3, 2, 3, 2)),
}


def _bits(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    """Instructions that move bits of a 32-bit register."""
    if opcode == "bfind" and modifiers[0] == "shiftamt":
        return [_shift_amount(form, modifiers[1])]
    two: dict[str, Callable[[list[str]], Callable[[int, int], int]]] = {"szext": _extension, "bmsk": _bit_mask}
    if opcode in two:
        return [_model(form, ("b32",), ("b32", "b32"), ("i32" if opcode == "szext" else "shift", "shift"),
                       two[opcode](modifiers))]  # fmt: skip
    if opcode == "fns":
        return [_model(form, ("b32",), ("b32",) * 3, ("i32", "lane", "nth"), _nth_set_bit)]
    if opcode == "prmt":
        mode = modifiers[-1] if len(modifiers) > 1 else ""
        kinds = ("i32", "i32", "lane" if mode else "i32")
        return [_model(form, ("b32",), ("b32",) * 3, kinds, lambda a, b, c: _permuted(mode, a, b, c))]
    return []


def _shift_amount(form: str, type_: str) -> Model:
    width = int(type_[1:])

    def compute(a: int) -> int:
        a = a ^ (1 << width) - 1 if type_[0] == "s" and a >> width - 1 else a
        return width - a.bit_length() if a else 0xFFFFFFFF

    return _model(form, ("b32",), (REGISTER[width],), (f"i{width}",), compute)


def _extension(modifiers: list[str]) -> Callable[[int, int], int]:
    """szext: the low bits of a, extended by their sign or by zeros."""

    def compute(a: int, b: int) -> int:
        if b >= 32 and modifiers[0] == "clamp":
            return a
        width = b & 31
        low = a & (1 << width) - 1
        return (signed(low, width) if modifiers[1] == "s32" and width else low) & 0xFFFFFFFF

    return compute


def _bit_mask(modifiers: list[str]) -> Callable[[int, int], int]:
    """bmsk: ones from bit a on, b of them."""

    def compute(a: int, b: int) -> int:
        if modifiers[0] == "clamp":
            return ((1 << min(b, 32)) - 1 << min(a, 32)) & 0xFFFFFFFF
        return ((1 << (b & 31)) - 1 << (a & 31)) & 0xFFFFFFFF

    return compute


def _nth_set_bit(mask: int, base: int, offset: int) -> int:
    offset = signed(offset, 32)
    if offset == 0:
        return base if mask >> base & 1 else 0xFFFFFFFF
    places = range(base, 32) if offset > 0 else range(base, -1, -1)
    found = [place for place in places if mask >> place & 1]
    return found[abs(offset) - 1] if abs(offset) <= len(found) else 0xFFFFFFFF


def _permuted(mode: str, a: int, b: int, selector: int) -> int:
    both = b << 32 | a
    if mode:
        chosen = [both >> 8 * i & 255 for i in reversed(PERMUTATIONS[mode][selector & 3])]
    else:
        nibbles = [selector >> 4 * i & 15 for i in range(4)]
        chosen = [both >> 8 * (n & 7) & 255 for n in nibbles]
        chosen = [(255 if byte >> 7 else 0) if n & 8 else byte for byte, n in zip(chosen, nibbles, strict=True)]
    return int.from_bytes(bytes(chosen), "little")


def _shift(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    if opcode == "shf":
        return [_funnel(form, *modifiers[:2])]
    found = _integer_type(modifiers[-1]) if modifiers else None
    if opcode not in ("shl", "shr") or found is None:
        return []
    width, is_signed = found
    ones = (1 << width) - 1

    def compute(a: int, amount: int) -> int:
        amount = min(amount, width)
        if opcode == "shl":
            return a << amount & ones
        return (signed(a, width) if is_signed else a) >> amount & ones

    return [_model(form, (REGISTER[width],), (REGISTER[width], "b32"), (f"i{width}", "shift"), compute)]


def _funnel(form: str, direction: str, mode: str) -> Model:
    def compute(low: int, high: int, amount: int) -> int:
        amount = min(amount, 32) if mode == "clamp" else amount & 31
        both = high << 32 | low
        return (both << amount >> 32 if direction == "l" else both >> amount) & 0xFFFFFFFF

    return _model(form, ("b32",), ("b32",) * 3, ("i32", "i32", "shift"), compute)


def _field(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    if opcode not in ("bfe", "bfi") or _integer_type(modifiers[-1]) is None:
        return []
    width, is_signed = _integer_type(modifiers[-1]) or (0, False)
    register, kind = REGISTER[width], f"i{width}"

    def extract(a: int, position: int, length: int) -> int:
        position, length, top = position & 255, length & 255, width - 1
        fill = a >> min(position + length - 1, top) & 1 if is_signed and length else 0
        bits = [a >> position + i & 1 if i < length and position + i <= top else fill for i in range(width)]
        return sum(bit << i for i, bit in enumerate(bits))

    def insert(a: int, b: int, position: int, length: int) -> int:
        position, length = position & 255, length & 255
        for i in range(min(length, max(0, width - position))):
            b = b & ~(1 << position + i) | (a >> i & 1) << position + i
        return b

    if opcode == "bfe":
        return [_model(form, (register,), (register, "b32", "b32"), (kind, "shift", "shift"), extract)]
    sources, kinds = (register, register, "b32", "b32"), (kind, kind, "shift", "shift")
    return [_model(form, (register,), sources, kinds, insert)]


# --- comparison and selection -------------------------------------------------------------------------------------

ORDERED: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
}  # fmt: skip
UNSIGNED_NAMES = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
COMBINE: dict[str, Callable[[int, int], int]] = {
    "and": lambda t, c: t & c, "or": lambda t, c: t | c, "xor": lambda t, c: t ^ c,
}  # fmt: skip


@cache
def compares(operator: str, type_: str) -> Callable[[int, int], bool]:
    """The comparison of two operands given as bits."""
    if type_ in FORMATS:
        form = FORMATS[type_]
        return cache(lambda a, b: _float_compares(form, operator, a, b))
    width, is_signed = _integer_type(type_) or (0, False)
    relation = ORDERED[UNSIGNED_NAMES.get(operator, operator)]
    if is_signed:
        return lambda a, b: relation(signed(a, width), signed(b, width))
    return relation


def _float_compares(form: Format, operator: str, a: int, b: int) -> bool:
    unordered = form.is_nan(a) or form.is_nan(b)
    if operator in ("num", "nan"):
        return unordered == (operator == "nan")
    if unordered:
        return operator.endswith("u")
    x, y = (exact.order(form, 0 if bits == form.sign_bit else bits) for bits in (a, b))
    return ORDERED[operator.removesuffix("u")](x, y)


def _comparison(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    if opcode != "setp":
        return []
    operator, *middle, type_ = modifiers
    flush = "ftz" in middle
    combine = next((m for m in middle if m in COMBINE), None)
    holds = compares(operator, type_)

    def test(a: int, b: int) -> bool:
        if flush:
            a, b = (FORMATS[type_].flushed(v) for v in (a, b))
        return holds(a, b)

    register = {"f16": "b16", "f32": "f32", "f64": "f64"}.get(type_) or f"b{type_[1:]}"
    kind = type_ if type_ in FORMATS else f"i{type_[1:]}"
    sources, kinds = (register,) * 2, (kind,) * 2
    if combine is None:
        yield_one = _model(form, ("pred",), sources, kinds, lambda a, b: int(test(a, b)))
        if type_ == "f16":  # has one destination
            return [yield_one]
        template = "{op} {d0}|{d1}, {s0}, {s1};"
        return [yield_one, _model(form, ("pred", "pred"), sources, kinds,
                                  lambda a, b: (int(test(a, b)), int(not test(a, b))), template)]  # fmt: skip
    both = COMBINE[combine]
    sources, kinds = (*sources, "pred"), (*kinds, "pred")
    plain = _model(form, ("pred",), sources, kinds, lambda a, b, c: both(int(test(a, b)), c))
    if type_ == "f16":
        return [plain]

    def pair(a: int, b: int, c: int) -> tuple[int, int]:
        return both(int(test(a, b)), 1 - c), both(int(not test(a, b)), 1 - c)

    return [plain, _model(form, ("pred", "pred"), sources, kinds, pair, "{op} {d0}|{d1}, {s0}, {s1}, !{s2};")]


def _selection(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    if opcode not in ("selp", "slct"):
        return []
    type_ = modifiers[-1] if opcode == "selp" else modifiers[-2]
    register, kind = (type_ if type_[0] == "f" else f"b{type_[1:]}"), f"i{type_[1:]}"
    if opcode == "selp":
        sources, kinds = (register, register, "pred"), (kind, kind, "pred")
        return [_model(form, (register,), sources, kinds, lambda a, b, c: a if c else b)]

    def chooses(c: int) -> bool:
        if modifiers[-1] == "s32":
            return signed(c, 32) >= 0
        c = exact.SINGLE.flushed(c) if "ftz" in modifiers else c
        return _float_compares(exact.SINGLE, "ge", c, 0)

    chooser = "b32" if modifiers[-1] == "s32" else "f32"
    kinds = (kind, kind, "i32" if chooser == "b32" else "f32")
    return [_model(form, (register,), (register, register, chooser), kinds, lambda a, b, c: a if chooses(c) else b)]


def _move(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    if opcode != "mov" or len(modifiers) != 1:
        return []
    type_ = modifiers[0]
    if type_ == "b128":  # there is no way in or out but two halves
        through = "{{.reg .b128 %whole; mov.b128 %whole, {{{s0}, {s1}}}; mov.b128 {{{d0}, {d1}}}, %whole;}}"
        return [_model(form, ("b64",) * 2, ("b64",) * 2, ("i64",) * 2, lambda a, b: (a, b), through)]
    if type_ == "pred":
        return [_model(form, ("pred",), ("pred",), ("pred",), lambda a: a)]
    register = type_ if type_[0] == "f" else f"b{type_[1:]}"
    return [_model(form, (register,), (register,), (f"i{type_[1:]}",), lambda a: a)]


# --- floating point -----------------------------------------------------------------------------------------------


def _property(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    """testp; a zero counts as normal."""
    if opcode != "testp":
        return []
    name, type_ = modifiers
    number = FORMATS[type_]

    def holds(bits: int) -> int:
        found = number.number(bits)
        subnormal = number.is_subnormal(bits)
        return int({
            "finite": found.kind == "finite", "infinite": found.kind == "infinite", "number": found.kind != "nan",
            "notanumber": found.kind == "nan", "normal": found.kind == "finite" and not subnormal,
            "subnormal": subnormal,
        }[name])  # fmt: skip

    return [_model(form, ("pred",), (type_,), (type_,), holds)]


def _floating(form: str, opcode: str, modifiers: list[str]) -> list[Model]:
    type_ = modifiers[-1] if modifiers else ""
    packed, name = type_.endswith("x2"), type_.removesuffix("x2")
    if name not in FORMATS or opcode in ELSEWHERE or is_approximate(form):
        return []
    number = FORMATS[name]
    mode = next((m for m in modifiers if m in ("rn", "rz", "rm", "rp")), "rn")
    compute = _operation(opcode, number, mode, modifiers)
    if compute is None:
        return []
    after = {"ftz": exact.flushed, "relu": exact.rectified, "sat": exact.saturated}

    def one(*bits: int) -> Result:
        if "ftz" in modifiers:
            bits = tuple(number.flushed(b) for b in bits)
        result = compute(*bits)
        for flag in modifiers:
            result = after[flag](number, result) if flag in after else result
        return result

    def two(*bits: int) -> tuple[Result, ...]:
        return one(*(b & 0xFFFF for b in bits)), one(*(b >> 16 for b in bits))

    register = "b32" if packed else "b16" if number.width == 16 else type_
    count = {"fma": 3, "mad": 3, "add": 2, "sub": 2, "mul": 2, "div": 2, "min": 2, "max": 2, "copysign": 2}.get(
        opcode, 1
    )
    result_format = None if opcode == "copysign" else number
    case = Case(form, (register,), (register,) * count)
    return [Model(case, (type_,) * count, two if packed else one, result_format, packed)]


def _operation(opcode: str, form: Format, mode: str, modifiers: list[str]) -> Callable[..., Result] | None:
    """Approximate divisions and roots are computed exactly here, and so they are in the engine."""
    table: dict[str, Callable[..., Result]] = {
        "add": lambda a, b: exact.add(form, a, b, mode), "sub": lambda a, b: exact.subtract(form, a, b, mode),
        "mul": lambda a, b: exact.multiply(form, a, b, mode), "fma": lambda a, b, c: exact.fma(form, a, b, c, mode),
        "mad": lambda a, b, c: exact.fma(form, a, b, c, mode),
        "div": lambda a, b: exact.divide(form, a, b, mode), "rcp": lambda a: exact.divide(form, form.one, a, mode),
        "sqrt": lambda a: exact.square_root(form, a, mode),
        "min": lambda a, b: _extreme(form, exact.least, modifiers, a, b),
        "max": lambda a, b: _extreme(form, exact.greatest, modifiers, a, b),
        "neg": lambda a: NAN if form.is_nan(a) else a ^ form.sign_bit,
        "abs": lambda a: NAN if form.is_nan(a) else a & form.sign_bit - 1,
        "copysign": lambda a, b: b & form.sign_bit - 1 | a & form.sign_bit,
    }  # fmt: skip
    if opcode == "div" and "approx" in modifiers:
        return lambda a, b: _approximate_division(form, a, b)
    return table.get(opcode)


def _extreme(form: Format, choose: Callable[..., Result], modifiers: list[str], a: int, b: int) -> Result:
    """.NaN: a NaN wins; .xorsign.abs: of the sizes, with the product's sign."""
    if "NaN" in modifiers and (form.is_nan(a) or form.is_nan(b)):
        return NAN
    if "xorsign" not in modifiers:
        return choose(form, a, b)
    result = choose(form, a & form.sign_bit - 1, b & form.sign_bit - 1)
    return result if isinstance(result, str) else result | (a ^ b) & form.sign_bit


def _approximate_division(form: Format, a: int, b: int) -> Result:
    """PTX: for 2^126 < |b| < 2^128 the reciprocal is gone: NaN for an infinite a, a zero otherwise."""
    x, y = form.number(a), form.number(b)
    if x.kind == "nan" or y.kind != "finite" or y.size <= 2**126:
        return exact.divide(form, a, b)
    return NAN if x.kind == "infinite" else form.signed_zero(x.negative != y.negative)


# --- which forms there are ----------------------------------------------------------------------------------------

# tables of rules that the files in families/ test; some of their forms have a model here as well
IN_FAMILIES = (bits, carry, directed, extremes, integer_more, match, packing, pairs, short_floats, video)


def _is_known(form: str) -> bool:
    try:
        return bool(models(form))
    except LookupError:
        return False


FORMS = [form for form in sorted(RULES) if has_model(form) and _is_known(form)]
