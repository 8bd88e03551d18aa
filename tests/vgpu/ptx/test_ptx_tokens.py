"""Tokens stay on their lines, whatever is blanked between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu.ptx.tokens import END, tokenize


def words(text: str) -> list[str]:
    return [token for token in tokenize(text)[0] if token is not END]


def test_an_instruction_with_its_modifiers_is_one_token() -> None:
    assert words("ld.global.v4.f32 {%f1,_}, [%rd1+-16];") == (
        ["ld.global.v4.f32", "{", "%f1", ",", "_", "}", ",", "[", "%rd1", "+", "-", "16", "]", ";"]
    )


@pytest.mark.parametrize(
    "text",
    [
        "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64",
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes",
        "ld.global.L1::no_allocate.L2::128B.b32",
        "%tid.x",
        "$L__BB0_1",
        "0f3F800000",
        "1.5e-3",
        "1e5",
        ".5",
        "0x1FU",
        ".maxntid",
        '"a // b /* c"',
        "<<",
    ],
)
def test_this_is_one_token(text: str) -> None:
    assert words(text) == [text]


def test_comments_of_both_kinds_are_blank_and_keep_the_lines() -> None:
    texts, lines = tokenize("a // b\n/* c\n d */ e\nf/**/g")
    assert list(zip(texts[:4], lines[:4], strict=True)) == [("a", 1), ("e", 3), ("f", 4), ("g", 4)]


def test_debug_sections_are_blank_and_keep_the_lines() -> None:
    texts, lines = tokenize(".section .debug_str\n{\n$L__info_string0:\n.b8 1,2\n}\nret;")
    assert (texts[:2], lines[:2]) == (["ret", ";"], [6, 6])


def test_a_byte_that_nothing_explains_is_a_token_for_the_parser_to_refuse() -> None:
    assert words("a ` b") == ["a", "`", "b"]


@given(st.lists(st.sampled_from(["ret", ";", "// x\n", "/* x\n\n */", "\n", " ", '"s"', "%r1", "0f00000000"])))
def test_each_token_stands_on_the_line_that_it_is_said_to(pieces: list[str]) -> None:
    text = " ".join(pieces)
    rows = text.split("\n")
    for token, line in zip(*tokenize(text), strict=True):
        assert token in rows[line - 1]
