"""Carries, bit and byte instructions, packed and 24-bit arithmetic, against Python's integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def words(seed: int, count: int = 300) -> np.ndarray:
    """Edges and random words of every length, 64 bits."""
    rng = np.random.default_rng(seed)
    edges = np.array([0, 1, 2, 31, 32, 33, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, M32,
                      0x7FFFFFFFFFFFFFFF, 1 << 63, M64], np.uint64)  # fmt: skip
    bits = rng.integers(0, 1 << 63, count, dtype=np.uint64) * np.uint64(2) + rng.integers(0, 2, count, dtype=np.uint64)
    mixed = bits >> rng.integers(0, 64, count, dtype=np.uint64)
    return np.where(rng.random(count) < 0.4, rng.choice(edges, count), mixed)


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def number(value: int, type_: str) -> int:
    bits = int(type_[1:])
    return signed(value, bits) if type_[0] == "s" else value & (1 << bits) - 1


def check(evaluate: Callable, forms: dict[str, tuple[str, str, Callable[..., int]]], columns: list[np.ndarray]) -> None:
    """forms: destination and source types, and a model on Python integers, which may exceed the width."""
    results = evaluate([(form, d, s) for form, (d, s, _) in forms.items()], columns)
    for (form, (d, s, model)), (got,) in zip(forms.items(), results, strict=True):
        mask = {"h": 0xFFFF, "r": M32, "d": M64, "p": 1, "f": M32, "x": M64}[d]
        wanted = [int(model(*(int(x) for x in row))) & mask for row in zip(*columns[: len(s)], strict=True)]
        np.testing.assert_array_equal(got, np.array(wanted, np.uint64), form)


@pytest.mark.parametrize(("bits", "letter"), [(32, "r"), (64, "d")])
def test_carries_chain_words_to_long_numbers(bits: int, letter: str, evaluate: Callable) -> None:
    columns = [words(seed) for seed in range(6)]
    mask, type_ = (1 << bits) - 1, f"u{bits}"
    add = f"add.cc.{type_} {{d0}}, {{s0}}, {{s3}}; addc.cc.{type_} {{d1}}, {{s1}}, {{s4}}; addc.{type_} {{d2}}, {{s2}}, {{s5}};"
    sub = add.replace("add", "sub").replace(f"u{bits}", f"s{bits}")
    mad = (f"mad.lo.cc.{type_} {{d0}}, {{s0}}, {{s1}}, {{s2}}; madc.hi.cc.{type_} {{d1}}, {{s0}}, {{s1}}, {{s3}}; "
           f"addc.{type_} {{d2}}, 0, 0;")  # fmt: skip
    low = f"mad.hi.cc.s{bits} {{d0}}, {{s0}}, {{s1}}, {{s2}}; madc.lo.s{bits} {{d1}}, {{s3}}, {{s4}}, {{s5}};"
    cases = [(add, letter * 3, letter * 6), (sub, letter * 3, letter * 6), (mad, letter * 3, letter * 4),
             (low, letter * 2, letter * 6)]  # fmt: skip
    results = evaluate(cases, columns)
    for i, row in enumerate(zip(*columns, strict=True)):
        a = [int(x) & mask for x in row]
        x, y = (a[k] | a[k + 1] << bits | a[k + 2] << 2 * bits for k in (0, 3))
        product = a[0] * a[1] + (a[2] | a[3] << bits)
        high = (signed(a[0], bits) * signed(a[1], bits) >> bits & mask) + a[2]
        wanted = [x + y, x - y, product, high & mask | (a[3] * a[4] + a[5] + (high >> bits) & mask) << bits]
        for got, long in zip(results, wanted, strict=True):
            assert [int(g[i]) for g in got] == [long >> bits * k & mask for k in range(len(got))], (i, a)


def bfind(value: int, type_: str, shift: bool) -> int:
    n = number(value, type_)
    n = ~n if n < 0 else n
    found = n.bit_length() - 1
    return -1 if found < 0 else int(type_[1:]) - 1 - found if shift else found


def fns(mask: int, base: int, offset: int) -> int:
    """The pseudocode of the PTX ISA."""
    mask, base, offset = mask & M32, base & 31, signed(offset, 32)
    if offset == 0:
        return base if mask >> base & 1 else -1
    position, count, step = base, abs(offset) - 1, 1 if offset > 0 else -1
    while 0 <= position < 32:
        if mask >> position & 1:
            if count == 0:
                return position
            count -= 1
        position += step
    return -1


def bmsk(a: int, b: int, clamp: bool) -> int:
    a, b = a & M32, b & M32
    if clamp and a >= 32:
        return 0
    start, width = a & 31, b & 31
    ones = M32 if (clamp and b >= 32) or start + width >= 32 else (1 << start + width) - 1
    return ones >> start << start


def szext(a: int, b: int, clamp: bool, signed_: bool) -> int:
    a, b = a & M32, b & M32
    width = min(b, 32) if clamp else b & 31
    if width == 0:
        return 0
    return signed(a, width) if signed_ else a & (1 << width) - 1


def test_finding_and_masking_bits(evaluate: Callable) -> None:
    columns = [words(1), words(2) % np.uint64(70), words(3)]
    columns[2] = np.where(np.arange(300) % 2, (np.arange(300) % 36 - 2).astype(np.uint64), columns[2])
    forms: dict[str, tuple[str, str, Callable[..., int]]] = {}
    for type_, letter in (("u32", "r"), ("s32", "r"), ("u64", "d"), ("s64", "d")):
        for shift in ("", ".shiftamt"):
            forms[f"bfind{shift}.{type_}"] = "r", letter, lambda a, t=type_, s=shift: bfind(a, t, bool(s))
    for mode in ("clamp", "wrap"):
        forms[f"bmsk.{mode}.b32 {{d0}}, {{s1}}, {{s2}};"] = "r", "drr", lambda _, b, c, m=mode: bmsk(b, c, m == "clamp")
        for type_ in ("u32", "s32"):
            forms[f"szext.{mode}.{type_}"] = (
                "r",
                "rr",
                lambda a, b, m=mode, t=type_: szext(a, b, m == "clamp", t == "s32"),
            )
    for bits, letter in ((16, "h"), (32, "r"), (64, "d")):
        forms[f"cnot.b{bits}"] = letter, letter, lambda a, n=bits: a & (1 << n) - 1 == 0
    check(evaluate, forms, columns)
    base = columns[1] % np.uint64(32)
    check(evaluate, {"fns.b32": ("r", "rrr", fns)}, [columns[0], base, columns[2]])


MODES = {  # PTX ISA's table: by the low bits of c, which bytes make the result, the highest first
    "f4e": ("3210", "4321", "5432", "6543"), "b4e": ("5670", "6701", "7012", "0123"),
    "rc8": ("0000", "1111", "2222", "3333"), "ecl": ("3210", "3211", "3222", "3333"),
    "ecr": ("0000", "1110", "2210", "3210"), "rc16": ("1010", "3232", "1010", "3232"),
}  # fmt: skip


def prmt(a: int, b: int, control: int, mode: str) -> int:
    source = (a & M32 | (b & M32) << 32).to_bytes(8, "little")
    result = 0
    for place in range(4):
        if mode:
            byte = source[int(MODES[mode][control & 3][3 - place])]
        else:
            nibble = control >> 4 * place & 15
            byte = source[nibble & 7]
            byte = (255 if byte & 128 else 0) if nibble & 8 else byte
        result |= byte << 8 * place
    return result


def test_permuting_bytes(evaluate: Callable) -> None:
    columns = [words(4), words(5), words(6)]
    forms = {
        f"prmt.b32{'.' * bool(mode)}{mode}": ("r", "rrr", lambda a, b, c, m=mode: prmt(a, b, c, m))
        for mode in ("", *MODES)
    }
    check(evaluate, forms, columns)


def clamp32(value: int) -> int:
    return min(max(value, -(1 << 31)), (1 << 31) - 1)


def pairs(operation: Callable[[int, int], int], type_: str) -> Callable[[int, int], int]:
    def model(a: int, b: int) -> int:
        halves = [operation(number(a >> s, type_), number(b >> s, type_)) & 0xFFFF for s in (0, 16)]
        return halves[0] | halves[1] << 16

    return model


def dot(a: int, b: int, c: int, types: tuple[str, str], bits: int, first: int) -> int:
    count = 32 // bits
    left = [number(a >> bits * i, f"{types[0][0]}{bits}") for i in range(count)]
    right = [number(b >> 8 * (first + i), f"{types[1][0]}8") for i in range(count)]
    return c + sum(x * y for x, y in zip(left, right, strict=True))


def test_saturating_packed_and_short_products(evaluate: Callable) -> None:
    columns = [words(7), words(8), words(9)]
    forms: dict[str, tuple[str, str, Callable[..., int]]] = {
        "add.sat.s32": ("r", "rr", lambda a, b: clamp32(signed(a, 32) + signed(b, 32))),
        "sub.sat.s32": ("r", "rr", lambda a, b: clamp32(signed(a, 32) - signed(b, 32))),
        "mad.hi.sat.s32": ("r", "rrr", lambda a, b, c: clamp32((signed(a, 32) * signed(b, 32) >> 32) + signed(c, 32))),
        "min.relu.s32": ("r", "rr", lambda a, b: max(min(signed(a, 32), signed(b, 32)), 0)),
        "max.s32.relu": ("r", "rr", lambda a, b: max(signed(a, 32), signed(b, 32), 0)),
        "max.relu.s16x2": ("r", "rr", pairs(lambda a, b: max(a, b, 0), "s16")),
        "mad24.hi.sat.s32": ("r", "rrr", lambda a, b, c: clamp32(
            signed(signed(a, 24) * signed(b, 24) >> 16, 32) + signed(c, 32))),
    }  # fmt: skip
    for type_ in ("u16", "s16"):
        forms[f"add.{type_}x2"] = "r", "rr", pairs(lambda a, b: a + b, type_)
        forms[f"min.{type_}x2"] = "r", "rr", pairs(min, type_)
        forms[f"max.{type_}x2"] = "r", "rr", pairs(max, type_)
    for sign in "us":
        for half, shift in (("lo", 0), ("hi", 16)):
            product = lambda a, b, s=sign, n=shift: number(a, f"{s}24") * number(b, f"{s}24") >> n  # noqa: E731
            forms[f"mul24.{half}.{sign}32"] = "r", "rr", product
            forms[f"mad24.{half}.{sign}32"] = "r", "rrr", lambda a, b, c, p=product: p(a, b) + c
        for other in "us":
            types = (f"{sign}32", f"{other}32")
            forms[f"dp4a.{types[0]}.{types[1]}"] = "r", "rrr", lambda a, b, c, t=types: dot(a, b, c, t, 8, 0)
            for half, first in (("lo", 0), ("hi", 2)):
                forms[f"dp2a.{half}.{types[0]}.{types[1]}"] = (
                    "r",
                    "rrr",
                    lambda a, b, c, t=types, f=first: dot(a, b, c, t, 16, f),
                )
        for bits, letter in ((16, "h"), (32, "r"), (64, "d")):
            forms[f"sad.{sign}{bits}"] = (
                letter,
                letter * 3,
                lambda a, b, c, t=f"{sign}{bits}": abs(number(a, t) - number(b, t)) + c,
            )
    check(evaluate, forms, columns)


def test_selection_by_sign_and_class(evaluate: Callable) -> None:
    third = np.array(
        [0, 1, 0x80000000, 0x80000001, 0x3F800000, 0xBF800000, 0x7FC00000, 0x7F800000, 0xFF800000, 0x7FFFFF] * 30
    )
    columns = [words(10), words(11), third.astype(np.uint64)]

    def chosen(bits: int, ftz: bool = False, integer: bool = False) -> Callable[[int, int, int], int]:
        def model(a: int, b: int, c: int) -> int:
            if integer:
                return a if signed(c, 32) >= 0 else b
            value = float(np.uint32(c & M32).view(np.float32))
            tiny = ftz and abs(value) < 2.0**-126
            return a if value >= 0 or tiny else b

        return model

    forms: dict[str, tuple[str, str, Callable[..., int]]] = {}
    for type_, letter in (("b16", "h"), ("s16", "h"), ("f32", "f"), ("f64", "x"), ("u64", "d")):
        forms[f"slct.{type_}.s32"] = letter, letter * 2 + "r", chosen(0, integer=True)
        forms[f"slct.{type_}.f32"] = letter, letter * 2 + "f", chosen(0)
        forms[f"slct.ftz.{type_}.f32"] = letter, letter * 2 + "f", chosen(0, ftz=True)
    check(evaluate, forms, columns)
    wide = np.array(
        [0, 1 << 63, 1, 1 << 52, 0x3FF << 52, 0x7FF << 52, 0xFFF << 52, 0x7FF8 << 48, 0x800FFFFFFFFFFFFF], np.uint64
    )
    narrow = np.array([0, 1 << 31, 1, 1 << 23, 0x7F << 23, 0xFF << 23, 0x1FF << 23, 0x7FC00000, 0x807FFFFF], np.uint64)
    holds = {"finite": "111110001", "infinite": "000001100", "number": "111111101", "notanumber": "000000010",
             "normal": "110110000", "subnormal": "001000001"}  # fmt: skip
    for type_, letter, column in (("f32", "f", narrow), ("f64", "x", wide)):
        results = evaluate([(f"testp.{name}.{type_}", "p", letter) for name in holds], [column])
        for (name, bits), (got,) in zip(holds.items(), results, strict=True):
            assert "".join(str(int(g)) for g in got) == bits, name


SIMD = {"vadd": lambda a, b: a + b, "vsub": lambda a, b: a - b, "vabsdiff": lambda a, b: abs(a - b), "vmin": min, "vmax": max,
        "vavrg": lambda a, b: (a + b + (a + b >= 0)) >> 1}  # fmt: skip


def simd(operation: str, bits: int, types: list[str], second: str) -> Callable[[int, int, int], int]:
    def model(a: int, b: int, c: int) -> int:
        found = [SIMD[operation](number(a >> s, f"{types[1][0]}{bits}"), number(b >> s, f"{types[2][0]}{bits}"))
                 for s in range(0, 32, bits)]  # fmt: skip
        if second == "add":
            return c + sum(found)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if types[0] == "s32" else (0, (1 << bits) - 1)
        kept = [min(max(f, low), high) if second == "sat" else f for f in found]
        return sum((k & (1 << bits) - 1) << bits * i for i, k in enumerate(kept))

    return model


def test_simd_video_instructions(evaluate: Callable) -> None:
    columns = [words(12), words(13), words(14)]
    forms: dict[str, tuple[str, str, Callable[..., int]]] = {}
    for operation in SIMD:
        for bits, types, second in ((8, "uuu", ""), (8, "sss", "sat"), (8, "usu", "add"), (16, "sus", ""), (16, "uss", "sat"),
                                    (16, "suu", "add")):  # fmt: skip
            names = [f"{t}32" for t in types]
            form = ".".join((f"{operation}{32 // bits}", *names, *([second] if second else [])))
            forms[form] = "r", "rrr", simd(operation, bits, names, second)
    check(evaluate, forms, columns)


def test_spaces_of_constants_and_parameters(run: Callable, zeros: Callable) -> None:
    output = zeros(8, np.uint32)
    run("""
        .const .b32 table[4] = {1, 2, 3, 4};
        .visible .entry k(.param .u64 out) {
        .reg .b64 %out, %a<4>; .reg .b32 %r; .reg .pred %p; .shared .b32 tile[4];
        ld.param.u64 %out, [out]; mov.u64 %a0, table; cvta.const.u64 %a0, %a0; add.u64 %a1, %a0, 16;
        mov.u64 %a2, tile; cvta.shared.u64 %a2, %a2;
        isspacep.const %p, %a0; selp.u32 %r, 1, 0, %p; st.global.u32 [%out], %r;
        isspacep.const %p, %a1; selp.u32 %r, 1, 0, %p; st.global.u32 [%out+4], %r;
        isspacep.const %p, %out; selp.u32 %r, 1, 0, %p; st.global.u32 [%out+8], %r;
        isspacep.shared::cta %p, %a2; selp.u32 %r, 1, 0, %p; st.global.u32 [%out+12], %r;
        isspacep.param %p, %a2; selp.u32 %r, 1, 0, %p; st.global.u32 [%out+16], %r;
        ret; }
    """, output)  # fmt: skip
    assert output.tolist()[:5] == [1, 0, 0, 1, 0]
