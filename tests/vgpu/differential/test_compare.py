"""A wrong engine is found out, and the program that shows it becomes as small as it can."""

from __future__ import annotations

from random import Random

import pytest

from harness.vgpu.jit import rules
from harness.vgpu.jit.rules import integer
from harness.vgpu.jit.rules.rule import Rule
from tests.vgpu.differential.cases import Group, build, group
from tests.vgpu.differential.compare import disagreement, shrunk
from tests.vgpu.differential.statements import If, Line, Loop


@pytest.fixture
def fresh_cache(monkeypatch, tmp_path):
    """Code from an engine that is broken on purpose must not stay in the user's cache."""
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path))


@pytest.fixture
def wrong_subtraction(monkeypatch, fresh_cache):
    monkeypatch.setitem(rules.RULES, "sub.s32", Rule(integer._binary("add", "i32"), "Integer", "int"))


def lines(*texts: str) -> tuple[Line, ...]:
    return tuple(Line((text,)) for text in texts)


def test_a_wrong_rule_is_seen_in_the_result(wrong_subtraction):
    found = disagreement(build([lines("sub.s32 %r0, %r1, %r2;")], Random(1)))
    assert found is not None
    assert found.what.startswith("buffer out, block 0, thread 0")


def test_what_remains_of_a_failing_program_is_the_wrong_instruction(wrong_subtraction):
    loop = Loop(
        "%r3",
        True,
        (If("%p1", (), lines("xor.b32 %r1, %r1, %r2;", "sub.s32 %r4, %r1, 77;"), lines("not.b32 %r5, %r5;")),),
    )
    programs = (
        lines("add.s32 %r0, %r1, %r2;"),
        (*lines("mul.lo.u32 %r2, %r2, 3;"), loop, *lines("min.s32 %r0, %r4, %r5;")),
    )
    found = shrunk(Group(1, (0, 1), programs))
    assert found is not None
    assert found.case.body.strip() == "sub.s32 %r4, %r1, 77;"


def test_where_both_agree_nothing_shrinks():
    assert shrunk(group(1, (0,))) is None
