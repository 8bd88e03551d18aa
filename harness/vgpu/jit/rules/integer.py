"""Integer arithmetic, logic and shifts (PTX ISA: Integer Arithmetic Instructions; Logic and Shift Instructions)."""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, llvm_type, splat
from harness.vgpu.jit.rules.rule import LLVM_INTEGER, Lower, Rule, RuleTable
from harness.vgpu.ptx.program import Integer, Operand

ARITHMETIC = "Integer Arithmetic Instructions"
LOGIC = "Logic and Shift Instructions"


def _binary(operation: str, scalar: str) -> Lower:
    def lower(c: Context) -> None:
        d, a, b = c.instruction.operands
        c.put(d, c.e.binary(operation, scalar, c.lanes, c.get(a, scalar), c.get(b, scalar)), scalar)

    return lower


def _intrinsic(name: str, scalar: str, extra: str = "") -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        values = [c.get(o, scalar) for o in operands]
        c.put(d, c.e.intrinsic(name, scalar, c.lanes, *values, extra=extra), scalar)

    return lower


def _mad_low(scalar: str) -> Lower:
    def lower(c: Context) -> None:
        d, a, b, addend = c.instruction.operands
        product = c.e.binary("mul", scalar, c.lanes, c.get(a, scalar), c.get(b, scalar))
        c.put(d, c.e.binary("add", scalar, c.lanes, product, c.get(addend, scalar)), scalar)

    return lower


def _full_product(c: Context, scalar: str, signed: bool) -> tuple[str, str]:
    _, a, b, *_ = c.instruction.operands
    wide = f"i{2 * BITS[scalar]}"
    extend = "sext" if signed else "zext"
    values = [c.e.cast(extend, scalar, c.lanes, c.get(o, scalar), wide) for o in (a, b)]
    return c.e.binary("mul", wide, c.lanes, *values), wide


def _wide(scalar: str, signed: bool, with_addend: bool) -> Lower:
    def lower(c: Context) -> None:
        product, wide = _full_product(c, scalar, signed)
        if with_addend:
            product = c.e.binary("add", wide, c.lanes, product, c.get(c.instruction.operands[3], wide))
        c.put(c.instruction.operands[0], product, wide)

    return lower


def _high(scalar: str, signed: bool, with_addend: bool) -> Lower:
    def lower(c: Context) -> None:
        product, wide = _full_product(c, scalar, signed)
        shifted = c.e.binary("lshr", wide, c.lanes, product, splat(wide, BITS[scalar], c.lanes))
        high = c.e.cast("trunc", wide, c.lanes, shifted, scalar)
        if with_addend:
            high = c.e.binary("add", scalar, c.lanes, high, c.get(c.instruction.operands[3], scalar))
        c.put(c.instruction.operands[0], high, scalar)

    return lower


def _divide(scalar: str, signed: bool, remainder: bool) -> Lower:
    """Division by zero is unspecified in PTX; here every bit of the quotient is set and the remainder is a.

    32 bits and fewer divide as FP64, which is exact for them and has vector instructions.
    """

    def lower(c: Context) -> None:
        d, first, second = c.instruction.operands
        a, b = c.get(first, scalar), c.get(second, scalar)
        zero, ones = splat(scalar, 0, c.lanes), splat(scalar, -1, c.lanes)
        type_ = llvm_type(scalar, c.lanes)
        no_divisor = c.e.let(f"icmp eq {type_} {b}, {zero}")
        if BITS[scalar] <= 32:
            quotient = _quotient_by_fp64(c, scalar, signed, a, b)
        else:
            quotient = _quotient_by_division(c, scalar, signed, a, b, no_divisor)
        quotient = c.e.select(no_divisor, scalar, c.lanes, ones, quotient)
        if remainder:
            product = c.e.binary("mul", scalar, c.lanes, quotient, b)
            quotient = c.e.binary("sub", scalar, c.lanes, a, product)
        c.put(d, quotient, scalar)

    return lower


def _quotient_by_fp64(c: Context, scalar: str, signed: bool, a: str, b: str) -> str:
    one = splat("double", "1.0", c.lanes)
    to_double, to_integer = ("sitofp", "fptosi") if signed else ("uitofp", "fptoui")
    numerator = c.e.cast(to_double, scalar, c.lanes, a, "double")
    denominator = c.e.cast(to_double, scalar, c.lanes, b, "double")
    zero = splat("double", "0.0", c.lanes)
    is_zero = c.e.let(f"fcmp oeq {llvm_type('double', c.lanes)} {denominator}, {zero}")
    safe = c.e.select(is_zero, "double", c.lanes, one, denominator)
    quotient = c.e.binary("fdiv", "double", c.lanes, numerator, safe)
    wide = c.e.cast(to_integer, "double", c.lanes, quotient, "i64")
    return c.e.cast("trunc", "i64", c.lanes, wide, scalar)


def _quotient_by_division(c: Context, scalar: str, signed: bool, a: str, b: str, no_divisor: str) -> str:
    one = splat(scalar, 1, c.lanes)
    safe = c.e.select(no_divisor, scalar, c.lanes, one, b)
    if not signed:
        return c.e.binary("udiv", scalar, c.lanes, a, safe)
    minus_one = c.e.let(f"icmp eq {llvm_type(scalar, c.lanes)} {b}, {splat(scalar, -1, c.lanes)}")
    safe = c.e.select(minus_one, scalar, c.lanes, one, safe)
    negated = c.e.binary("sub", scalar, c.lanes, splat(scalar, 0, c.lanes), a)
    return c.e.select(minus_one, scalar, c.lanes, negated, c.e.binary("sdiv", scalar, c.lanes, a, safe))


def _shift(operation: str, scalar: str) -> Lower:
    """Shift amounts are 32 bits and clamp at the width: all bits leave, an arithmetic shift leaves the sign."""
    bits = BITS[scalar]

    def lower(c: Context) -> None:
        d, a, b = c.instruction.operands
        value, amount = c.get(a, scalar), c.get(b, "i32")
        limit = splat("i32", bits - 1, c.lanes)
        clamped = c.e.intrinsic("umin", "i32", c.lanes, amount, limit)
        if bits < 32:
            narrow = c.e.cast("trunc", "i32", c.lanes, clamped, scalar)
        else:
            narrow = c.e.cast("zext", "i32", c.lanes, clamped, scalar)
        shifted = c.e.binary(operation, scalar, c.lanes, value, narrow)
        if operation != "ashr":
            beyond = c.e.let(f"icmp ugt {llvm_type('i32', c.lanes)} {amount}, {limit}")
            shifted = c.e.select(beyond, scalar, c.lanes, splat(scalar, 0, c.lanes), shifted)
        c.put(d, shifted, scalar)

    return lower


def _not(scalar: str) -> Lower:
    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        ones = splat(scalar, "true" if scalar == "i1" else -1, c.lanes)
        c.put(d, c.e.binary("xor", scalar, c.lanes, c.get(a, scalar), ones), scalar)

    return lower


def _negate(scalar: str) -> Lower:
    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        c.put(d, c.e.binary("sub", scalar, c.lanes, splat(scalar, 0, c.lanes), c.get(a, scalar)), scalar)

    return lower


def _count(name: str, scalar: str, extra: str = "") -> Lower:
    """popc, clz: the result is always 32 bits."""

    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        counted = c.e.intrinsic(name, scalar, c.lanes, c.get(a, scalar), extra=extra)
        c.put(d, c.e.cast("trunc", scalar, c.lanes, counted, "i32"), "i32")

    return lower


def _lop3(c: Context) -> None:
    d, *operands, table = c.instruction.operands
    c.put(d, lop3(c, [c.get(o, "i32") for o in operands], table), "i32")


def lop3(c: Context, operands: list[str], table: Operand) -> str:
    """The table's bit for each combination of the operands' bits, as a sum of products."""
    ones = splat("i32", -1, c.lanes)
    if not isinstance(table, Integer):
        c.unsupported("a table that is not a constant")
    result = splat("i32", 0, c.lanes)
    for row in range(8):
        if not table.value >> row & 1:
            continue
        term = None
        for bit, operand in zip((4, 2, 1), operands, strict=True):
            literal = operand if row & bit else c.e.binary("xor", "i32", c.lanes, operand, ones)
            term = literal if term is None else c.e.binary("and", "i32", c.lanes, term, literal)
        assert term is not None
        result = c.e.binary("or", "i32", c.lanes, result, term)
    return result


def _funnel(c: Context) -> None:
    """shf.{l,r}.{wrap,clamp}.b32 d, low, high, amount."""
    direction, mode, _ = c.instruction.modifiers
    d, low, high, amount = c.instruction.operands
    wide_low = c.e.cast("zext", "i32", c.lanes, c.get(low, "i32"), "i64")
    wide_high = c.e.cast("zext", "i32", c.lanes, c.get(high, "i32"), "i64")
    upper = c.e.binary("shl", "i64", c.lanes, wide_high, splat("i64", 32, c.lanes))
    both = c.e.binary("or", "i64", c.lanes, upper, wide_low)
    count = c.get(amount, "i32")
    if mode == "wrap":
        count = c.e.binary("and", "i32", c.lanes, count, splat("i32", 31, c.lanes))
    else:
        count = c.e.intrinsic("umin", "i32", c.lanes, count, splat("i32", 32, c.lanes))
    wide_count = c.e.cast("zext", "i32", c.lanes, count, "i64")
    if direction == "r":
        shifted = c.e.binary("lshr", "i64", c.lanes, both, wide_count)
    else:
        moved = c.e.binary("shl", "i64", c.lanes, both, wide_count)
        shifted = c.e.binary("lshr", "i64", c.lanes, moved, splat("i64", 32, c.lanes))
    c.put(d, c.e.cast("trunc", "i64", c.lanes, shifted, "i32"), "i32")


def _field_extract(scalar: str, signed: bool) -> Lower:
    """bfe: shift the field to the top, then down again; position and length count modulo 256."""
    bits = BITS[scalar]

    def lower(c: Context) -> None:
        d, a, position, length = c.instruction.operands
        value = c.get(a, scalar)
        start, count = (
            c.e.binary("and", "i32", c.lanes, c.get(o, "i32"), splat("i32", 255, c.lanes)) for o in (position, length)
        )
        type32 = llvm_type("i32", c.lanes)
        end = c.e.intrinsic("umin", "i32", c.lanes, c.e.binary("add", "i32", c.lanes, start, count),
                            splat("i32", bits, c.lanes))  # fmt: skip
        start_in = c.e.intrinsic("umin", "i32", c.lanes, start, splat("i32", bits - 1, c.lanes))
        kept_start = c.e.let(f"icmp ult {type32} {start}, {splat('i32', bits, c.lanes)}")
        # a field beyond the top is filled with zeros (unsigned) or the sign bit (signed)
        left = c.e.binary("sub", "i32", c.lanes, splat("i32", bits, c.lanes), end)
        left_wide = c.e.cast("zext", "i32", c.lanes, left, scalar)
        safe_left = c.e.intrinsic("umin", scalar, c.lanes, left_wide, splat(scalar, bits - 1, c.lanes))
        top = c.e.binary("shl", scalar, c.lanes, value, safe_left)
        down = c.e.binary("add", "i32", c.lanes, left, start_in)
        down = c.e.intrinsic("umin", "i32", c.lanes, down, splat("i32", bits - 1, c.lanes))
        field = c.e.binary("ashr" if signed else "lshr", scalar, c.lanes, top,
                           c.e.cast("zext", "i32", c.lanes, down, scalar))  # fmt: skip
        sign = c.e.binary("ashr", scalar, c.lanes, value, splat(scalar, bits - 1, c.lanes))
        nothing = sign if signed else splat(scalar, 0, c.lanes)
        field = c.e.select(kept_start, scalar, c.lanes, field, nothing)
        empty = c.e.let(f"icmp eq {type32} {count}, {splat('i32', 0, c.lanes)}")
        c.put(d, c.e.select(empty, scalar, c.lanes, splat(scalar, 0, c.lanes), field), scalar)

    return lower


def _field_insert(scalar: str) -> Lower:
    """bfi d, a, b, position, length: the low bits of a replace a field of b."""
    bits = BITS[scalar]

    def lower(c: Context) -> None:
        d, a, b, position, length = c.instruction.operands
        start, count = (
            c.e.binary("and", "i32", c.lanes, c.get(o, "i32"), splat("i32", 255, c.lanes)) for o in (position, length)
        )
        ones = splat(scalar, -1, c.lanes)
        count_mask = _low_bits(c, scalar, count, ones)
        mask = _shift_left(c, scalar, count_mask, start)
        field = c.e.binary("and", scalar, c.lanes, _shift_left(c, scalar, c.get(a, scalar), start), mask)
        rest = c.e.binary("and", scalar, c.lanes, c.get(b, scalar), c.e.binary("xor", scalar, c.lanes, mask, ones))
        c.put(d, c.e.binary("or", scalar, c.lanes, field, rest), scalar)

    def _shift_left(c: Context, scalar: str, value: str, amount: str) -> str:
        safe = c.e.intrinsic("umin", "i32", c.lanes, amount, splat("i32", bits - 1, c.lanes))
        moved = c.e.binary("shl", scalar, c.lanes, value, c.e.cast("zext", "i32", c.lanes, safe, scalar))
        beyond = c.e.let(f"icmp uge {llvm_type('i32', c.lanes)} {amount}, {splat('i32', bits, c.lanes)}")
        return c.e.select(beyond, scalar, c.lanes, splat(scalar, 0, c.lanes), moved)

    def _low_bits(c: Context, scalar: str, count: str, ones: str) -> str:
        return c.e.binary("xor", scalar, c.lanes, _shift_left(c, scalar, ones, count), ones)

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}

    def add(form: str, lower: Lower, section: str = ARITHMETIC) -> None:
        rules[form] = Rule(lower, section, "int")

    for bits in (16, 32, 64):
        for sign in "su":
            type_, scalar, signed = f"{sign}{bits}", f"i{bits}", sign == "s"
            add(f"add.{type_}", _binary("add", scalar))
            add(f"sub.{type_}", _binary("sub", scalar))
            add(f"mul.lo.{type_}", _binary("mul", scalar))
            add(f"mul.hi.{type_}", _high(scalar, signed, with_addend=False))
            add(f"mad.lo.{type_}", _mad_low(scalar))
            add(f"mad.hi.{type_}", _high(scalar, signed, with_addend=True))
            add(f"div.{type_}", _divide(scalar, signed, remainder=False))
            add(f"rem.{type_}", _divide(scalar, signed, remainder=True))
            add(f"min.{type_}", _intrinsic(f"{'s' if signed else 'u'}min", scalar))
            add(f"max.{type_}", _intrinsic(f"{'s' if signed else 'u'}max", scalar))
            if bits < 64:
                add(f"mul.wide.{type_}", _wide(scalar, signed, with_addend=False))
                add(f"mad.wide.{type_}", _wide(scalar, signed, with_addend=True))
            if bits > 16:
                add(f"bfe.{type_}", _field_extract(scalar, signed))
            add(f"shr.{type_}", _shift("ashr" if signed else "lshr", scalar), LOGIC)
        add(f"neg.s{bits}", _negate(f"i{bits}"))
        add(f"abs.s{bits}", _intrinsic("abs", f"i{bits}", extra="false"))
        add(f"shl.b{bits}", _shift("shl", f"i{bits}"), LOGIC)
        add(f"shr.b{bits}", _shift("lshr", f"i{bits}"), LOGIC)
        if bits > 16:
            add(f"popc.b{bits}", _count("ctpop", f"i{bits}"))
            add(f"clz.b{bits}", _count("ctlz", f"i{bits}", extra="false"))
            add(f"brev.b{bits}", _intrinsic("bitreverse", f"i{bits}"))
            add(f"bfi.b{bits}", _field_insert(f"i{bits}"))
    for type_ in ("pred", "b16", "b32", "b64"):
        scalar = LLVM_INTEGER[type_]
        for operation in ("and", "or", "xor"):
            add(f"{operation}.{type_}", _binary(operation, scalar), LOGIC)
        add(f"not.{type_}", _not(scalar), LOGIC)
    add("lop3.b32", _lop3, LOGIC)
    for direction in "lr":
        for mode in ("wrap", "clamp"):
            add(f"shf.{direction}.{mode}.b32", _funnel, LOGIC)
    return rules


RULES = _table()
