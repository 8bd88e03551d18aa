"""Numbers and constant expressions mean what C says."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu.errors import InvalidPtx
from harness.vgpu.ptx.constants import constant, literal
from harness.vgpu.ptx.program import Float, Integer
from harness.vgpu.ptx.tokens import Cursor

Operands = Callable[[str], tuple[object, ...]]


def folded(text: str) -> Integer | Float:
    return constant(Cursor(text, "<test>"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("42", 42), ("42U", 42), ("0x1fU", 31), ("0XFF", 255), ("017", 15), ("0b101", 5), ("WARP_SZ", 32)],
)
def test_integers_in_all_bases(text: str, value: int) -> None:
    assert literal(text) == Integer(value)


@pytest.mark.parametrize("text", ["08", "0f3F8", "0x", "inf", "nan", "1_000", "%r1", ".", ""])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert literal(text) is None


def test_floats_by_their_bits() -> None:
    assert literal("0f3F800000") == Float(0x3F800000, 32)
    assert literal("0D3ff0000000000000") == Float(0x3FF0000000000000, 64)


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_decimal_floats_are_doubles(value: float) -> None:
    text = f"{value:.17e}"
    assert literal(text) == Float(struct.unpack("<Q", struct.pack("<d", value))[0], 64)


def test_a_decimal_float_takes_a_sign_and_bits_do_not() -> None:
    assert folded("-1.5") == Float(0xBFF8000000000000, 64)
    with pytest.raises(InvalidPtx, match="take no sign"):
        folded("-0f3F800000")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("-7/2", -3),
        ("-7 % 3", -1),
        ("7/-2", -3),
        ("1<<4|3", 19),
        ("~0", -1),
        ("!5", 0),
        ("!0", 1),
        ("3>2 ? 5 : 6", 5),
        ("0 ? 5 : 1 ? 7 : 8", 7),
        ("1==2 || 3!=4 && 1", 1),
        ("(.u64)-1 >> 60", 15),
        ("(.s64)0xFFFFFFFFFFFFFFFF", -1),
        ("- -1", 1),
        ("WARP_SZ-1", 31),
    ],
)
def test_constant_expressions_fold(text: str, value: int) -> None:
    assert folded(text) == Integer(value)


EXPRESSIONS = st.recursive(
    st.integers(0, 1000).map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "&", "|", "^", "<", ">=", "=="]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("~ {}".format),
        inner.map("- {}".format),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_precedence_is_that_of_c(text: str) -> None:
    # Python binds comparisons looser than |, ^ and & and chains them: parenthesised leaves make both agree.
    assert folded(c_as_python(text)[0]) == Integer(c_as_python(text)[1])


def c_as_python(text: str) -> tuple[str, int]:
    """The expression with its value, where C's levels are spelt out by a table of binding strengths."""
    strength = {"|": 1, "^": 2, "&": 3, "==": 4, "<": 5, ">=": 5, "+": 6, "-": 6, "*": 7}
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()

    def value(at: int, level: int) -> tuple[int, int]:
        token = tokens[at]
        if token == "(":
            left, at = value(at + 1, 0)
            at += 1
        elif token in "~-":
            left, at = value(at + 1, 8)
            left = ~left if token == "~" else -left
        else:
            left, at = int(token), at + 1
        while at < len(tokens) and strength.get(tokens[at], -1) > level:
            operator = tokens[at]
            right, at = value(at + 1, strength[operator])
            left = int(eval(f"{left} {operator} {right}"))
        return left, at

    return text, value(0, 0)[0]


def test_a_division_by_zero_is_refused() -> None:
    with pytest.raises(InvalidPtx, match="divided by zero"):
        folded("1/0")


def test_an_instruction_takes_a_constant_expression(operands: Operands) -> None:
    assert operands("mov.u32 %r1, (1<<4)-WARP_SZ;")[1] == Integer(-16)
