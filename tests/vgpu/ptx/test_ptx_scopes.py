"""Scopes: inner names hide outer ones, and nothing in a function shares a name."""

from collections.abc import Callable

import pytest

from harness.vgpu.errors import InvalidPtx
from harness.vgpu.ptx.program import Address, Function, Instruction, Module, Register, Symbol

Kernel = Callable[[str], Function]


def instructions(function: Function) -> list[Instruction]:
    return [instruction for block in function.blocks for instruction in block.instructions]


def test_parameterised_registers_are_all_declared(kernel: Kernel) -> None:
    found = kernel(".reg .f64 a, %fd<3>;")
    assert [register.name for register in found.registers if register.type == "f64"] == ["a", "%fd0", "%fd1", "%fd2"]


def test_a_register_that_hides_another_is_renamed(kernel: Kernel) -> None:
    found = kernel("{ .reg .u32 %r1; mov.u32 %r1, 1; }\nmov.u32 %r1, 2;")
    inner, outer = instructions(found)[:2]
    assert inner.operands[0] == Register("%r1#2", "u32")
    assert outer.operands[0] == Register("%r1", "b32")


def test_registers_of_neighbouring_scopes_differ(kernel: Kernel) -> None:
    found = kernel("{ .reg .u32 t; mov.u32 t, 1; } { .reg .u32 t; mov.u32 t, 2; }")
    assert [instruction.operands[0] for instruction in instructions(found)[:2]] == [
        Register("t", "u32"),
        Register("t#2", "u32"),
    ]
    names = [register.name for register in found.registers]
    assert len(names) == len(set(names))


def test_a_name_ends_with_its_scope(kernel: Kernel) -> None:
    with pytest.raises(InvalidPtx, match="'t' is not declared"):
        kernel("{ .reg .u32 t; } mov.u32 t, 1;")


def test_a_scope_declares_a_name_once(kernel: Kernel) -> None:
    with pytest.raises(InvalidPtx, match="'%r3' is declared a second time"):
        kernel(".reg .b32 %r3;")


def test_call_sequences_declare_their_parameters_again_and_again(kernel: Kernel) -> None:
    sequence = "{ .param .b32 param0; st.param.b32 [param0+0], %r1; }\n"
    found = kernel(sequence * 3)
    assert [variable.name for variable in found.variables] == ["param0", "param0#2", "param0#3"]
    assert [instruction.operands[0] for instruction in instructions(found)[:3]] == [
        Address(Symbol(variable.name), 0) for variable in found.variables
    ]


def test_a_variable_that_hides_one_of_the_module_is_renamed(kernel: Kernel) -> None:
    found = kernel("{ .shared .b32 g; mov.u32 %r1, g; } mov.u64 %rd1, g;")
    assert [instruction.operands[1] for instruction in instructions(found)[:2]] == [Symbol("g#1"), Symbol("g")]
    assert found.variables[0].name == "g#1"


def test_labels_belong_to_scopes(kernel: Kernel) -> None:
    found = kernel("{ L: @%p1 bra L; } { @%p2 bra L; L: } @%p3 bra L; L: ret;")
    taken = {block.labels: found.blocks[block.successors[0]].labels for block in found.blocks if block.successors}
    assert taken[("L",)] == ("L",)
    branches = [i.operands[0] for i in instructions(found) if i.opcode == "bra"]
    assert branches == [Symbol("L"), Symbol("L#2"), Symbol("L#3")]
    labels = [label for block in found.blocks for label in block.labels]
    assert sorted(labels) == ["L", "L#2", "L#3"]


def test_an_inner_scope_sees_outer_labels_but_not_the_other_way(kernel: Kernel) -> None:
    assert kernel("{ bra L; } L: ret;").blocks[1].labels == ("L",)
    with pytest.raises(InvalidPtx, match="there is no label 'L'"):
        kernel("bra L; { L: }")


def test_a_label_stands_once_in_a_scope(kernel: Kernel) -> None:
    with pytest.raises(InvalidPtx, match="'L' stands here a second time"):
        kernel("L: mov.u32 %r1, 1; L: ret;")


def test_names_of_one_function_mean_nothing_in_the_next(module: Callable[[str], Module]) -> None:
    found = module(".func a() { .reg .b32 t; L: bra L; } .func b() { .reg .b64 t; L: bra L; }").functions
    assert [function.registers[0] for function in found.values()] == [Register("t", "b32"), Register("t", "b64")]
    assert [function.blocks[0].labels for function in found.values()] == [("L",), ("L",)]


def test_register_parameters_are_registers(module: Callable[[str], Module]) -> None:
    found = module(".func (.reg .b32 r) f(.reg .b32 x) { add.u32 r, x, 1; ret; }").functions["f"]
    r, x = Register("r", "b32"), Register("x", "b32")
    assert found.registers == (r, x)
    assert found.blocks[0].instructions[0].operands[:2] == (r, x)
    assert (found.returns[0].space, found.parameters[0].space) == ("reg", "reg")
