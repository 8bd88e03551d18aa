"""Addresses: conversion between spaces and the generic one, variables and their initialisers, parameters."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from harness.vgpu.jit.rules import RULES
from harness.vgpu.run import module
from tests.vgpu.jit.ptx_bench import HEADER, aligned, launch, load, run

VARIABLES = """
.global .align 8 .u64 in_global = 0x1111111122222222;
.const .align 8 .u64 in_const = 0x3333333344444444;
"""
HEAD = """
.reg .pred %p, %q;
.reg .b32 %t, %x, %y, %a;
.reg .b64 %out, %o, %at, %generic, %back, %v;
.shared .align 8 .b64 padding;
.shared .align 8 .b64 in_shared;
.local .align 8 .b64 unused;
.local .align 8 .b64 in_local;
ld.param.u64 %out, [out];
mov.u32 %t, %tid.x;
mul.wide.u32 %o, %t, 8;
add.u64 %out, %out, %o;
"""
SPACES = {
    "global": ("mov.u64 %at, in_global;", 0x1111111122222222), "const": ("mov.u64 %at, in_const;", 0x3333333344444444),
    "shared": ("mov.u64 %at, in_shared; mov.u64 %v, 0x55; st.shared.u64 [%at], %v;", 0x55),
    "shared::cta": ("mov.u64 %at, in_shared; mov.u64 %v, 0x55; st.shared.u64 [%at], %v;", 0x55),
    "local": ("mov.u64 %at, in_local; cvt.u64.u32 %v, %t; st.local.u64 [%at], %v;", None),
    "param": ("mov.u64 %at, value;", 0x6666666677777777),
}  # fmt: skip


def results(body: str, threads: int = 40) -> list[int]:
    out = aligned(threads, np.uint64)
    text = (
        f"{VARIABLES}.entry k(.param .u64 out, .param .u64 value)\n{{{HEAD}{body}\nst.global.u64 [%out], %v;\nret;\n}}"
    )
    run(text, out, 0x6666666677777777, block=(threads,))
    return out.tolist()


def forms(opcode: str) -> list[str]:
    return sorted(form for form in RULES if form.split(".")[0] == opcode)


def space_of(form: str) -> str:
    return next(m for m in form.split(".")[1:] if m in SPACES)


# --- generic addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [form for form in forms("cvta") if ".to." not in form])
def test_a_generic_address_reaches_the_variable(form):
    prepare, value = SPACES[space_of(form)]
    got = results(f"{prepare} {form} %generic, %at; ld.u64 %v, [%generic];")
    assert got == [t if value is None else value for t in range(40)]


@pytest.mark.parametrize("form", [form for form in forms("cvta") if ".to." in form])
def test_a_generic_address_converts_back(form):
    space = space_of(form)
    prepare, _ = SPACES[space]
    body = f"{prepare} {form.replace('.to.', '.')} %generic, %at; {form} %back, %generic; sub.u64 %v, %back, %at;"
    assert results(body) == [0] * 40


def test_the_address_of_a_variable_converts_at_once():
    assert results("cvta.global.u64 %generic, in_global; ld.u64 %v, [%generic];")[0] == 0x1111111122222222


def test_a_store_to_a_generic_address_of_local_memory_is_the_threads_own():
    body = """
        cvta.local.u64 %generic, in_local;
        cvt.u64.u32 %v, %t;
        st.u64 [%generic], %v;
        bar.sync 0;
        ld.local.u64 %v, [in_local];
    """
    assert results(body) == list(range(40))


def test_lanes_may_hold_generic_addresses_of_different_spaces():
    body = """
        cvta.shared.u64 %at, in_shared;
        mov.u64 %v, 123;
        st.shared.u64 [in_shared], %v;
        cvta.local.u64 %generic, in_local;
        cvt.u64.u32 %v, %t;
        st.local.u64 [in_local], %v;
        bar.sync 0;
        and.b32 %x, %t, 3;
        setp.eq.u32 %p, %x, 1;
        selp.b64 %generic, %at, %generic, %p;
        cvta.global.u64 %at, in_global;
        setp.eq.u32 %p, %x, 2;
        selp.b64 %generic, %at, %generic, %p;
        ld.u64 %v, [%generic];
    """
    assert results(body) == [{1: 123, 2: 0x1111111122222222}.get(t & 3, t) for t in range(40)]


@pytest.mark.parametrize("form", forms("isspacep"))
@pytest.mark.parametrize("space", SPACES)
def test_an_address_knows_its_space(form, space):
    prepare, _ = SPACES[space]
    asked = form.split(".")[1]
    inside = {space.split("::")[0]} | ({"global"} if space == "param" else set())  # the parameters' window is global
    body = f"{prepare} cvta.{space}.u64 %generic, %at; {form} %p, %generic; selp.u64 %v, 1, 0, %p;"
    assert results(body) == [int(asked.split("::")[0] in inside)] * 40


def test_an_address_of_shared_memory_may_have_32_bits():
    body = "mov.u32 %a, in_shared; mov.u64 %v, 99; st.shared.u64 [%a], %v; ld.shared.u64 %v, [in_shared];"
    assert results(body) == [99] * 40


@pytest.mark.parametrize(
    ("address", "value"), [("in_shared+4", 9), ("%a+-4", 8), ("%a", 9), ("in_shared", 8), ("%a+0", 9)]
)
def test_offsets_may_be_constant(address, value):
    body = f"""
        mov.u64 %v, 0x900000008;
        st.shared.u64 [in_shared], %v;
        mov.u32 %a, in_shared+4;
        ld.shared.u32 %x, [{address}];
        cvt.u64.u32 %v, %x;
    """
    assert results(body) == [value] * 40


# --- variables ----------------------------------------------------------------------------------------------------


def test_initialisers_fill_variables():
    text = """
    .global .align 4 .u8 bytes[6] = {1, 2, 255};
    .global .align 8 .f64 pi = 3.25;
    .const .align 4 .f32 single[2] = {0f3FC00000, -2.5};
    .global .align 4 .s16 grid[2][2] = {{-1, 2}, {3}};
    .global .align 4 .u32 after = 7;
    .global .align 8 .u64 pointers[2] = {after, generic(grid)};
    .entry k(.param .u64 out)
    {
        .reg .b64 %out, %p;
        .reg .b32 %x;
        ld.param.u64 %out, [out];
        ld.global.u64 %p, [pointers];
        ld.global.u32 %x, [%p];
        st.global.u32 [%out], %x;
        ld.global.u64 %p, [pointers+8];
        ld.s16 %x, [%p+2];
        st.global.u32 [%out+4], %x;
        ret;
    }
    """
    loaded = module.load(HEADER + text)

    def content(name: str) -> bytes:
        address, size = loaded.variables[name]
        return bytes((np.ctypeslib.ctypes.c_uint8 * size).from_address(address))

    assert content("bytes") == bytes([1, 2, 255, 0, 0, 0])
    assert content("pi") == struct.pack("<d", 3.25)
    assert content("single") == struct.pack("<2f", 1.5, -2.5)
    assert content("grid") == struct.pack("<4h", -1, 2, 3, 0)
    out = aligned(2)
    launch(loaded.kernels["k"], [out])
    assert out.tolist() == [7, 2]
    loaded.unload()


def test_a_module_variable_keeps_what_a_kernel_wrote():
    kernel = load("""
    .global .align 4 .u32 counter = 40;
    .entry k(.param .u64 out)
    {
        .reg .b32 %x, %t;
        .reg .b64 %out;
        .reg .pred %p;
        mov.u32 %t, %tid.x;
        setp.ne.u32 %p, %t, 0;
        @%p exit;
        ld.global.u32 %x, [counter];
        add.u32 %x, %x, 1;
        st.global.u32 [counter], %x;
        ld.param.u64 %out, [out];
        st.global.u32 [%out], %x;
        ret;
    }
    """)
    out = aligned(1)
    for expected in (41, 42, 43):
        launch(kernel, [out])
        assert out[0] == expected


# --- parameters ---------------------------------------------------------------------------------------------------

PARAMETERS = """
.entry k(.param .u64 out, .param .u8 byte, .param .align 16 .b8 record[48], .param .s16 short, .param .f64 last)
{
.reg .b64 %out, %o, %wide, %a;
.reg .b32 %x<4>, %t;
.reg .b16 %h;
.reg .f64 %f;
ld.param.u64 %out, [out];
"""


def parameters() -> list[np.ndarray | int]:
    record = int.from_bytes(struct.pack("<4i2q4f", 1, -2, 3, -4, 1 << 40, -5, 0.5, 1.5, 2.5, 3.5), "little")
    return [aligned(40, np.uint64), 200, record, -3, struct.unpack("<Q", struct.pack("<d", -0.75))[0]]


def test_parameters_of_every_width_lie_where_abi_puts_them():
    arguments = parameters()
    run(PARAMETERS + """
        ld.param.u8 %x0, [byte];
        cvt.u64.u32 %wide, %x0; st.global.u64 [%out], %wide;
        ld.param.v4.u32 {%x0, %x1, %x2, %x3}, [record];
        cvt.s64.s32 %wide, %x1; st.global.u64 [%out+8], %wide;
        cvt.s64.s32 %wide, %x3; st.global.u64 [%out+16], %wide;
        ld.param.u64 %wide, [record+24];
        st.global.u64 [%out+24], %wide;
        ld.param.s16 %x0, [short];
        cvt.s64.s32 %wide, %x0; st.global.u64 [%out+32], %wide;
        ld.param.f64 %f, [last];
        st.global.f64 [%out+40], %f;
        ret;
    }""", *arguments)  # fmt: skip
    out = arguments[0]
    assert out[:5].view(np.int64).tolist() == [200, -2, -4, -5, -3]
    assert out[5:6].view(np.float64)[0] == -0.75


def test_each_lane_may_index_a_parameter_array():
    arguments = parameters()
    run(PARAMETERS + """
        mov.u32 %t, %tid.x;
        and.b32 %x1, %t, 3;
        mul.wide.u32 %a, %x1, 4;
        mov.b64 %wide, record;
        add.u64 %a, %a, %wide;
        ld.param.s32 %wide, [%a];
        mul.wide.u32 %o, %t, 8;
        add.u64 %out, %out, %o;
        st.global.u64 [%out], %wide;
        ret;
    }""".replace("ld.param.s32 %wide, [%a];", "ld.param.s32 %x2, [%a]; cvt.s64.s32 %wide, %x2;"), *arguments, block=(40,))  # fmt: skip
    assert arguments[0].view(np.int64).tolist() == [[1, -2, 3, -4][t & 3] for t in range(40)]


def test_a_lanes_guard_decides_whether_it_reads_a_parameter():
    out = aligned(40)
    run("""
    .entry k(.param .u64 out, .param .u32 x)
    {
        .reg .pred %p;
        .reg .b32 %t, %n;
        .reg .b64 %out, %a;
        ld.param.u64 %out, [out];
        mov.u32 %t, %tid.x;
        mov.u32 %n, 7;
        setp.lt.u32 %p, %t, 9;
        @%p ld.param.u32 %n, [x];
        mul.wide.u32 %a, %t, 4;
        add.u64 %out, %out, %a;
        st.global.u32 [%out], %n;
        ret;
    }
    """, out, 3, block=(40,))  # fmt: skip
    assert out.tolist() == [3] * 9 + [7] * 31


def test_a_generic_address_of_a_parameter_reads_it():
    assert (
        results("mov.u64 %at, value; cvta.param.u64 %generic, %at; ld.u32 %x, [%generic+4]; cvt.u64.u32 %v, %x;")
        == [0x66666666] * 40
    )


# --- vectors in registers -----------------------------------------------------------------------------------------


def test_mov_packs_and_unpacks_with_the_first_element_lowest():
    body = """
        .reg .b16 %h<4>;
        mov.b64 %v, 0x0123456789abcdef;
        mov.b64 {%x, %y}, %v;
        mov.b32 {%h0, %h1}, %x;
        mov.b64 {%h2, _, _, %h3}, %v;
        mov.b32 %x, {%h1, %h3};
        mov.b64 %v, {%y, %x};
    """
    assert results(body) == [0x0123_89AB_0123_4567] * 40


@pytest.mark.parametrize(
    ("name", "value"), [("%ntid.x", 40), ("%nctaid.y", 1), ("%ctaid.z", 0), ("%nwarpid", 2), ("WARP_SZ", 32)]
)
def test_special_registers_describe_the_launch(name, value):
    assert results(f"mov.u32 %x, {name}; cvt.u64.u32 %v, %x;") == [value] * 40


def test_threads_and_blocks_have_their_coordinates():
    out = aligned(2 * 3 * 2 * 4 * 3 * 2)
    run("""
    .entry k(.param .u64 out)
    {
        .reg .b32 %x<3>, %n<3>, %c<3>, %m<3>, %i, %v;
        .reg .b64 %out, %a;
        mov.u32 %x0, %tid.x; mov.u32 %x1, %tid.y; mov.u32 %x2, %tid.z;
        mov.u32 %n0, %ntid.x; mov.u32 %n1, %ntid.y; mov.u32 %n2, %ntid.z;
        mov.u32 %c0, %ctaid.x; mov.u32 %c1, %ctaid.y; mov.u32 %c2, %ctaid.z;
        mov.u32 %m0, %nctaid.x; mov.u32 %m1, %nctaid.y;
        mad.lo.u32 %i, %c2, %m1, %c1;
        mad.lo.u32 %i, %i, %m0, %c0;
        mad.lo.u32 %i, %i, %n2, %x2;
        mad.lo.u32 %i, %i, %n1, %x1;
        mad.lo.u32 %i, %i, %n0, %x0;
        mul.lo.u32 %v, %c0, 10; add.u32 %v, %v, %c1; mul.lo.u32 %v, %v, 10; add.u32 %v, %v, %c2;
        mul.lo.u32 %v, %v, 10; add.u32 %v, %v, %x0; mul.lo.u32 %v, %v, 10; add.u32 %v, %v, %x1;
        mul.lo.u32 %v, %v, 10; add.u32 %v, %v, %x2;
        ld.param.u64 %out, [out];
        mul.wide.u32 %a, %i, 4;
        add.u64 %out, %out, %a;
        st.global.u32 [%out], %v;
        ret;
    }
    """, out, grid=(2, 3, 2), block=(4, 3, 2))  # fmt: skip
    wanted = [int(f"{cx}{cy}{cz}{x}{y}{z}") for cz in range(2) for cy in range(3) for cx in range(2)
              for z in range(2) for y in range(3) for x in range(4)]  # fmt: skip
    assert out.tolist() == wanted
