"""Modifiers in another order than the PTX ISA's, as ptxas takes them: the same instruction."""

import numpy as np
import pytest

from harness.vgpu.errors import UnsupportedPtx
from harness.vgpu.jit import rules
from harness.vgpu.ptx.program import Instruction
from tests.vgpu.jit.ptx_bench import aligned, run

SPELLINGS = [
    ("vote.ballot.sync.b32", "vote.sync.ballot.b32"), ("vote.all.sync.pred", "vote.sync.all.pred"),
    ("shfl.down.sync.b32", "shfl.sync.down.b32"), ("redux.add.sync.u32", "redux.sync.add.u32"),
    ("add.f32.rn", "add.rn.f32"), ("add.f32.ftz", "add.ftz.f32"), ("fma.ftz.rn.f32", "fma.rn.ftz.f32"),
    ("ex2.ftz.approx.f32", "ex2.approx.ftz.f32"), ("setp.and.lt.f32", "setp.lt.and.f32"),
    ("setp.f32.lt", "setp.lt.f32"), ("cvt.f32.rn.u32", "cvt.rn.f32.u32"),
]  # fmt: skip


def ordered(form: str) -> str:
    opcode, *modifiers = form.split(".")
    return ".".join((opcode, *rules.ordered(Instruction(opcode, tuple(modifiers), (), None, 0, None)).modifiers))


@pytest.mark.parametrize(("written", "known"), SPELLINGS)
def test_modifiers_may_stand_in_another_order(written, known):
    assert ordered(written) == known


@pytest.mark.parametrize("form", ["cvt.rn.f32.u32", "ld.global.u32", "dp4a.s32.u32", "fma.rn.f32"])
def test_what_has_a_rule_stays_as_it_is(form):
    assert ordered(form) == form


def test_types_keep_their_order():
    assert ordered("dp4a.u32.s32") == "dp4a.u32.s32"
    assert ordered("cvt.u32.rzi.f32") == "cvt.rzi.u32.f32"


def test_a_kernel_with_such_spellings_runs():
    out = aligned(32)
    run(
        """
        .entry k(.param .u64 out)
        {
        .reg .b64 %o, %at;
        .reg .b32 %t, %x, %y;
        .reg .pred %p;
        ld.param.u64 %o, [out];
        mov.u32 %t, %tid.x;
        mul.wide.u32 %at, %t, 4;
        add.u64 %o, %o, %at;
        and.b32 %x, %t, 3;
        setp.u32.eq %p, %x, 0;
        vote.ballot.sync.b32 %x, %p, 0xffffffff;
        shfl.idx.sync.b32 %y, %t, 5, 31, 0xffffffff;
        add.u32 %x, %x, %y;
        st.u32.global [%o], %x;
        ret;
        }
        """,
        out,
    )
    assert np.array_equal(out, np.full(32, 0x11111111 + 5))


def test_a_form_that_no_order_makes_right_is_named_as_written():
    with pytest.raises(UnsupportedPtx, match=r"vote\.sync\.most\.b32"):
        run(".entry k() {\n.reg .b32 %x;\n.reg .pred %p;\nvote.sync.most.b32 %x, %p, -1;\nret;\n}")
