"""What ptxas takes the parser takes, and what ptxas refuses for its grammar or names is refused.

The verdicts are written down, so that the parser is held to them without a toolkit; with one, ptxas itself is asked
whether they are right.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.vgpu.errors import InvalidPtx
from harness.vgpu.ptx.parser import parse

VALID = [
    "mov.u32 %r1, 3>2 ? 5 : 6; mov.u32 %r1, -7/2; mov.u32 %r1, !5; mov.u32 %r2, 017;",
    "mov.s64 %rd1, (.s64)(5)>>1; mov.u32 %r1, 0xFFFFFFFFFFFFFFFF >> 40;",
    "mov.f32 %f1, - 1.5; mov.f32 %f1, .5; mov.f32 %f1, 1e5; mov.f32 %f1, 0F3f800000;",
    "ld.global.u32 %r1, [g+4-4+8]; ld.global.u32 %r1, [%rd1+-4]; mov.u64 %rd1, g+4; mov.u64 %rd1, k;",
    "{ .reg .b32 %r1; mov.u32 %r1, 3; } mov.u32 %r2, %r1; { .reg .b32 g; mov.u32 g, 3; }",
    "{ L: bra L; } L: bra L;",
    "{ bra L; } L:",
    ".reg .v4 .b32 v; ld.global.v4.b32 v, [g]; mov.b32 %r1, v.x; mov.b32 %r3, v.b;",
    ".reg .v2 .b32 v<3>; ld.global.v2.b32 v2, [g]; mov.b32 %r1, v2.y;",
    ".shared .align 4 .b8 sh[8], s2[4]; .shared .b32 mm[2][3]; st.shared.b32 [mm+8], %r1;",
    "vadd.s32.s32.s32 %r1.h0, %r2.b0, %r3.h1, %r4;",
    "setp.eq.and.u32 _|%p1, %r1, %r2, !%p3; mov.b64 {%r1, _}, %rd1;",
    "mov.b32 %r1, %envreg3; mov.u64 %rd1, %clock64; mov.u32 %r1, %lanemask_lt;",
    "tb: .branchtargets A, B; @%p1 brx.idx %r1, tb; A: mov.u32 %r1, 2; B:",
    "{ tb: .branchtargets A, B; brx.idx %r1, tb; } A: mov.u32 %r1, 2; B:",
    'mov .u32 %r1, 1; ld.global .u32 %r1, [g]; .pragma "nounroll"; .loc 1 3 4\n',
    "$L__1: %foo: _bar: bra $L__1;",
    "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%rd1, {%r2, %r3}], [%r4];",
    "{ .shared .b32 x; mov.u32 %r1, x; } { .shared .b32 x; mov.u32 %r1, x; }",
    ".func a() { ret; } .func b(); .alias b, a; .entry k() { call b; ret; }",
    """.func (.reg .b32 r) f(.reg .b32 x) { add.u32 r, x, 1; ret; }
    .entry k() { .reg .b32 a; call (a), f, (a); call (a), f, (3); call (_), f, (3); ret; }""",
    """.func f(.param .b32 x) { ret; }
    .global .u64 table[1] = {f};
    .entry k() {
        .reg .b32 y; .reg .b64 a;
        mov.u64 a, f;
        pr: .callprototype _ (.param .b32 _);
        call a, (y), pr;
        tt: .calltargets f;
        call a, (y), tt;
        call a, (y), table;
        ret;
    }""",
    ".func f() .noreturn; .func f() .noreturn { trap; } .entry k() { ret; }",
    ".global .b32 e = 3; .extern .global .b32 e; .common .global .b32 f; .entry k() { ret; }",
    ".global .b32 e[][2] = {{1}, {2, 3}, {4}}; .global .v2 .f32 f[2] = {{1.0, 2.0}, {3.0, 4.0}}; .entry k() { }",
    ".global .b32 a[2][2] = {{3}}; .global .b32 b[2] = {}; .const .b32 x[2] = {-1, ~0}; .entry k() { }",
    ".global .b32 x; .global .u8 a[8] = {0xFF(generic(x)+4), 0xFF00(x+4)}; .entry k() { }",
    ".global .b32 x; .global .u64 a[2] = {generic(x)+4, x+4}; .entry k() { }",
    """.entry k(.param .u64 .ptr .global .align 16 a, .param .align 8 .b8 b[24], .param .u64 .ptr c)
    .maxntid 16, 16
    .minnctapersm 2
    .pragma "x";
    { ret; }""",
    ".entry k .reqntid 256 .explicitcluster .reqnctapercluster 2,1,1 .blocksareclusters { ret; }",
    ".entry k(.param .b32 k) { { .reg .b32 k; mov.u32 k, 1; } }",
    ".entry k() { .reg .pred p; @p bra L; L: }",
    ".entry k() { .reg .b32 r<0x3>; ret /* x */ ; // y\n}",
    '.entry k() { .loc 1 3 4\n ret; }\n.file 1 "a.cu"\n.section .debug_str {\n$L__info: .b8 1,2,3\n}',
]

INVALID = [
    "mov.u32 %r1, 08;",
    "mov.f32 %f1, -0f3F800000;",
    "ld.global.u32 %r1, [%rd1-4];",
    "ld.global.u32 %r1, [4+g];",
    "mov.u64 %rd1, g-4;",
    "mov.u64 %rd1, undeclared;",
    "mov.u32 %r1, %nonsense;",
    ".reg .b32 %r1;",
    "L: L: bra L;",
    "bra L; { L: }",
    ".extern .shared .b32 dyn[];",
    "mov.u32 %r1, 1,;",
    "mov.u32 %r1 1;",
    "mov.u32 %r1, 1",
    "; ;",
    "mov.u32 %r1, 5%3;",
    ".local .b32 a = 3;",
    ".shared .pred y;",
    "@%r1 ret;",
    "not.pred %p1, !%r1;",
    ".shared .align 3 .b8 a[4];",
    ".shared .align 4 .b8 a[];",
    "call nothing;",
    "@%p1 { mov.u32 %r1, 2; }",
    ".alias foo, bar; .entry k() { ret; }",
    ".global .b32 e; .global .b32 e; .entry k() { ret; }",
    ".global .b32 e[2][2] = {1,2,3,4}; .entry k() { ret; }",
    ".global .b32 e[2] = {1,2,3}; .entry k() { ret; }",
    ".global .b32 e[2] = {1,}; .entry k() { ret; }",
    ".global .b32 e = {1}; .entry k() { ret; }",
    ".global .f32 e = 1; .entry k() { ret; }",
    ".global .f16 e = 1.0; .entry k() { ret; }",
    ".global .u64 a = b; .global .u64 b = a; .entry k() { ret; }",
    ".entry k(.param .b32 a) { .reg .b32 a; mov.u32 a, 1; }",
    ".entry k(.param .b32 a;) { }",
    ".entry k() { ret; } .entry k() { ret; }",
    ".func f() { call g; ret; } .func g() { ret; } .entry k() { ret; }",
]


@pytest.mark.parametrize("snippet", VALID)
def test_valid_ptx_is_parsed(text_of: Callable[[str], str], snippet: str) -> None:
    assert "k" in parse(text_of(snippet)).functions


@pytest.mark.parametrize("snippet", INVALID)
def test_invalid_ptx_is_refused(text_of: Callable[[str], str], snippet: str) -> None:
    with pytest.raises(InvalidPtx):
        parse(text_of(snippet))


@pytest.mark.parametrize(("snippet", "valid"), [*((s, True) for s in VALID), *((s, False) for s in INVALID)])
def test_ptxas_agrees(ptxas: Path, tmp_path: Path, text_of: Callable[[str], str], snippet: str, valid: bool) -> None:
    source = tmp_path / "snippet.ptx"
    source.write_text(text_of(snippet))
    command = [str(ptxas), "-arch=sm_90a", "-o", str(tmp_path / "snippet.cubin"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == valid, done.stderr
