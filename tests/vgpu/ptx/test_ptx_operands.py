"""Every way to write an operand gives the operand that it means."""

from collections.abc import Callable

import pytest

from harness.vgpu.errors import InvalidPtx, UnsupportedPtx
from harness.vgpu.ptx.program import (
    Address,
    Float,
    Function,
    Group,
    Guard,
    Indexed,
    Instruction,
    Integer,
    Module,
    Negated,
    Pair,
    Part,
    Register,
    Sink,
    Special,
    Symbol,
    Vector,
)

R1, R2, R3 = (Register(f"%r{index}", "b32") for index in (1, 2, 3))
RD1 = Register("%rd1", "b64")
P1, P2, P3 = (Register(f"%p{index}", "pred") for index in (1, 2, 3))


def test_an_instruction_is_taken_apart(instruction: Callable[[str], Instruction]) -> None:
    found = instruction("@!%p1 mad.lo.s32 %r1, %r2, -3, %r3;")
    assert found == Instruction("mad", ("lo", "s32"), (R1, R2, Integer(-3), R3), Guard(P1, True), 12, None)
    assert found.form == "mad.lo.s32"


def test_modifiers_may_stand_apart_and_hold_colons(instruction: Callable[[str], Instruction]) -> None:
    assert instruction("mov .u32 %r1, %r2;").form == "mov.u32"
    assert instruction("fence.proxy.async.shared::cta;").modifiers == ("proxy", "async", "shared::cta")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ld.global.u32 %r1, [%rd1];", Address(RD1, 0)),
        ("ld.global.u32 %r1, [%rd1+8];", Address(RD1, 8)),
        ("ld.global.u32 %r1, [%rd1+-8];", Address(RD1, -8)),
        ("ld.global.u32 %r1, [%rd1+4*2];", Address(RD1, 8)),
        ("ld.global.u32 %r1, [g];", Address(Symbol("g"), 0)),
        ("ld.global.u32 %r1, [g+4];", Address(Symbol("g"), 4)),
        ("ld.param.u32 %r1, [n];", Address(Symbol("n"), 0)),
        ("ld.local.u32 %r1, [16];", Address(None, 16)),
        ("mov.u64 %rd2, g;", Symbol("g")),
        ("mov.u64 %rd2, g+4;", Symbol("g", 4)),
        ("mov.u64 %rd2, k;", Symbol("k")),
        ("mov.u32 %r1, %tid.x;", Special("%tid.x")),
        ("mov.u32 %r1, %envreg3;", Special("%envreg3")),
        ("mov.u64 %rd1, %clock64;", Special("%clock64")),
        ("mov.u32 %r1, %dynamic_smem_size;", Special("%dynamic_smem_size")),
        ("mov.f32 %f1, 0f3F800000;", Float(0x3F800000, 32)),
        ("mov.f32 %f1, 1.0;", Float(0x3FF0000000000000, 64)),
        ("mov.b64 %rd1, {%r1, %r2};", Vector((R1, R2))),
        ("not.pred %p1, !%p2;", Negated(P2)),
        ("mov.u32 %r1, !5;", Integer(0)),
    ],
)
def test_a_source(operands: Callable[[str], tuple[object, ...]], statement: str, expected: object) -> None:
    assert operands(statement)[1] == expected


def test_pairs_sinks_and_vectors_as_destinations(operands: Callable[[str], tuple[object, ...]]) -> None:
    assert operands("setp.eq.and.u32 %p1|%p2, %r1, %r2, !%p3;")[::3] == (Pair(P1, P2), Negated(P3))
    assert operands("setp.eq.u32 _|%p2, %r1, %r2;")[0] == Pair(Sink(), P2)
    assert operands("shfl.sync.bfly.b32 %r1|%p1, %r2, 1, 31, -1;")[0] == Pair(R1, P1)
    assert operands("mov.b64 {%r1, _}, %rd1;")[0] == Vector((R1, Sink()))


def test_a_vector_register_is_a_vector_of_registers(kernel: Callable[[str], Function]) -> None:
    found = kernel(".reg .v4 .b32 v; ld.global.v4.b32 v, [g]; mov.b32 %r1, v.w; mov.b32 %r2, v.g;")
    parts = tuple(Register(f"v.{axis}", "b32") for axis in "xyzw")
    load, last, second = found.blocks[0].instructions[:3]
    assert load.operands[0] == Vector(parts)
    assert (last.operands[1], second.operands[1]) == (parts[3], parts[1])
    assert set(parts) <= set(found.registers)


def test_bytes_and_halves_of_registers(operands: Callable[[str], tuple[object, ...]]) -> None:
    assert operands("vadd.s32.s32.s32 %r1, %r2.b0, %r3.h1;") == (R1, Part(R2, "b0"), Part(R3, "h1"))


def test_an_address_with_coordinates(operands: Callable[[str], tuple[object, ...]]) -> None:
    found = operands("cp.async.bulk.tensor.2d.shared::cta.global [%r1], [%rd1+64, {%r2, %r3}], [g];")
    assert found == (Address(R1, 0), Indexed(Address(RD1, 64), (Vector((R2, R3)),)), Address(Symbol("g"), 0))


CALLS = """
.func (.param .b32 r) f(.param .b32 x) {{ ret; }}
.func h() {{ ret; }}
.global .u64 table[1] = {{f}};
.entry k() {{
    .reg .b32 a; .reg .b64 t; .param .b32 i; .param .b32 o;
    pr: .callprototype (.param .b32 _) _ (.param .b32 _);
    {call}
    ret;
}}
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("call.uni (o), f, (i);", (Group((Symbol("o"),)), Symbol("f"), Group((Symbol("i"),)))),
        ("call (_), f, (3);", (Group((Sink(),)), Symbol("f"), Group((Integer(3),)))),
        ("call h;", (Group(()), Symbol("h"), Group(()))),
        ("call h, ();", (Group(()), Symbol("h"), Group(()))),
        (
            "call (a), t, (a), pr;",
            (
                Group((Register("a", "b32"),)),
                Register("t", "b64"),
                Group((Register("a", "b32"),)),
                Symbol("pr"),
            ),
        ),
        (
            "call (o), t, (i), table;",
            (Group((Symbol("o"),)), Register("t", "b64"), Group((Symbol("i"),)), Symbol("table")),
        ),
        ("call t, pr;", (Group(()), Register("t", "b64"), Group(()), Symbol("pr"))),
    ],
)
def test_a_call_has_returns_a_target_and_arguments(
    module: Callable[[str], Module], call: str, expected: tuple[object, ...]
) -> None:
    function = module(CALLS.format(call=call)).functions["k"]
    assert function.blocks[0].instructions[0].operands == expected
    assert [parameter.type for parameter in function.call_prototypes["pr"].parameters] == ["b32"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("mov.u32 %r1, nothing;", "'nothing' is not declared"),
        ("mov.u32 %r1, %nonsense;", "'%nonsense' is not declared"),
        ("mov.u32 %r1, %r9;", "'%r9' is not declared"),
        ("mov.u32 %r1, 08;", "'08' is not a number"),
        ("mov.u32 %r1 1;", "expected ',' or ';', found '1'"),
        ("mov.u32 %r1, 1,;", "expected an operand, found ';'"),
        ("ld.global.u32 %r1, [%rd1-4];", "expected ']', found '-'"),
        ("ld.global.u32 %r1, [%tid.x];", "an address needs"),
        ("@%r10 ret;", "'%r10' is not a predicate register"),
        ("bra nowhere;", "there is no label 'nowhere'"),
        ("call nothing;", "'nothing' is not declared"),
        ("Mov.u32 %r1, 1;", "expected an instruction, found 'Mov.u32'"),
        (".maxntid 3;", "'.maxntid' has no meaning in a function"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_text(
    kernel: Callable[[str], Function], statement: str, message: str
) -> None:
    with pytest.raises(InvalidPtx) as caught:
        kernel(f"mov.u32 %r1, 1;\n{statement}\nret;")
    assert str(caught.value).startswith("<ptx>:13: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith(f": {statement}")


@pytest.mark.parametrize("statement", ["ld.global.u32 %r1, g[1];", "mov.u32 %r1, %r2+1;"])
def test_what_is_valid_but_not_supported_says_so(kernel: Callable[[str], Function], statement: str) -> None:
    with pytest.raises(UnsupportedPtx, match=r"<ptx>:12: .* is not supported: "):
        kernel(statement)
