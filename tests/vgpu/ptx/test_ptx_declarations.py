"""Variables, parameters and their initial values."""

import re
from collections.abc import Callable

import pytest

from harness.vgpu.errors import InvalidPtx, UnsupportedPtx
from harness.vgpu.ptx.program import Float, Integer, Masked, Module, Symbol, Variable

Parse = Callable[[str], Module]


def test_an_array_in_constant_memory(module: Parse) -> None:
    found = module(".const .align 4 .b8 table[4] = {0, 0, 128, 63};").variables["table"]
    assert found == Variable(
        "table", "const", "b8", 4, (4,), initializer=(Integer(0), Integer(0), Integer(128), Integer(63))
    )
    assert found.size == 4


def test_dynamic_shared_memory(module: Parse) -> None:
    found = module(".extern .shared .align 16 .b8 buffer[];").variables["buffer"]
    assert (found.space, found.alignment, found.shape, found.extern, found.size) == ("shared", 16, (0,), True, 0)


def test_an_element_is_aligned_to_its_size_by_default(module: Parse) -> None:
    found = module(".global .f64 a; .global .v4 .f32 b[2]; .global .b8 c[3];").variables
    assert [found[name].alignment for name in "abc"] == [8, 16, 1]
    assert [found[name].size for name in "abc"] == [8, 32, 3]


def test_addresses_as_initial_values(module: Parse) -> None:
    found = module(
        ".global .b32 x[4]; .func f() { ret; }\n"
        ".global .u64 p[5] = {x, x+4, generic(x), generic(x)+8, f};\n"
        ".global .u8 q[2] = {0xFF(generic(x)+4), 0xFF00(x)};\n"
    ).variables
    assert found["p"].initializer == (Symbol("x"), Symbol("x", 4), Symbol("x"), Symbol("x", 8), Symbol("f"))
    assert found["q"].initializer == (Masked(Symbol("x", 4), 0xFF), Masked(Symbol("x"), 0xFF00))


def test_nested_braces_are_flattened_in_row_major_order(module: Parse) -> None:
    found = module(".global .b32 a[2][3] = {{1}, {2, 3}}; .global .v2 .f32 b[2] = {{1.0, 2.0}, {3.0}};").variables
    assert found["a"].initializer == tuple(map(Integer, (1, 0, 0, 2, 3, 0)))
    assert found["b"].initializer == (Float(0x3F800000, 32), Float(0x40000000, 32), Float(0x40400000, 32), Integer(0))


def test_an_unsized_array_takes_its_size_from_its_values(module: Parse) -> None:
    found = module(".global .b32 a[] = {1, 2, 3}; .global .b32 b[][2] = {{1}, {2, 3}, {4}};").variables
    assert (found["a"].shape, found["b"].shape) == ((3,), (3, 2))


def test_a_decimal_float_is_rounded_to_the_variable(module: Parse) -> None:
    found = module(".global .f32 a = 0.1; .global .f64 b = 0.1; .global .f32 c = 0f3DCCCCCD;").variables
    assert found["a"].initializer == found["c"].initializer == (Float(0x3DCCCCCD, 32),)
    assert found["b"].initializer == (Float(0x3FB999999999999A, 64),)


def test_a_declaration_may_name_several(module: Parse) -> None:
    assert [variable.shape for variable in module(".global .b32 a, b[2], c = 3;").variables.values()] == [(), (2,), ()]


def test_linkage_and_attributes_change_nothing_but_extern(module: Parse) -> None:
    found = module(
        ".visible .global .b32 a; .weak .global .b32 b; .common .global .b32 c;\n"
        ".global .attribute(.managed) .align 4 .u32 d = 3; .extern .global .b32 e;\n"
    ).variables
    assert [name for name, variable in found.items() if variable.extern] == ["e"]


def test_parameters_of_a_kernel(module: Parse) -> None:
    found = module(
        ".visible .entry k(.param .u64 .ptr .global .align 16 a, .param .align 8 .b8 b[24], .param .u64 .ptr .align 1 c)"
        "{ ret; }"
    ).functions["k"]
    assert found.parameters == (
        Variable("a", "param", "u64", 8),
        Variable("b", "param", "b8", 8, (24,)),
        Variable("c", "param", "u64", 8),
    )
    assert found.is_kernel


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        (".global .b32 a; .global .b32 a;", "declared a second time"),
        (".global .b32 a[2] = {1, 2, 3};", "3 initial values for 2 elements"),
        (".global .b32 a[2] = 3;", "braces"),
        (".global .b32 a = {3};", "braces"),
        (".global .b32 a[2] = {1,};", "expected a name, found '}'"),
        (".global .u64 a = b;", "'b' is not declared"),
        (".global .b32 a = 1.5;", "of another kind"),
        (".global .f32 a = 1;", "of another kind"),
        (".shared .b32 a = 1;", "cannot have an initial value"),
        (".global .b32 a[];", "needs a size"),
        (".global .align 3 .b32 a;", "not a power of two"),
        (".global a;", "without a type"),
        (".global .b33 a;", "'.b33' has no meaning in a declaration"),
        (".shared .pred a;", "predicate"),
        (".visible .reqntid 3;", "expected a function or a variable"),
        ("mov.u32 a, 1;", "cannot stand outside of a function"),
        (".section .debug_str { .b8 1", "not closed"),
    ],
)
def test_a_mistake_is_named(module: Parse, declaration: str, message: str) -> None:
    with pytest.raises(InvalidPtx, match=message):
        module(declaration)


def test_texture_references_are_not_supported(module: Parse) -> None:
    with pytest.raises(UnsupportedPtx, match=re.escape("<ptx>:4: a .texref variable is not supported")):
        module(".global .texref t;")
