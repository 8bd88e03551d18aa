"""The second interpreter gives answers that one can work out by hand, and numpy's where numpy has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.vgpu.ptx.parser import parse
from tests.vgpu.differential import floats, interpreter
from tests.vgpu.differential.cases import HEADER
from tests.vgpu.differential.interpreter import Illegal, Launch, Memory
from tests.vgpu.differential.semantics import meaning

NUMPY = {"f16": (np.float16, np.uint16), "f32": (np.float32, np.uint32), "f64": (np.float64, np.uint64)}
REGISTERS = ".reg .b32 %r<9>;\n.reg .b64 %rd<9>;\n.reg .pred %p<9>;\n"


def run(statements: str, threads: int = 4) -> list[int]:
    """A word from each thread: what the statements leave in %r0; %r1 is the thread's number."""
    ptx = (
        f"{HEADER}.entry k(.param .u64 out)\n{{\n{REGISTERS}.shared .align 4 .b32 words[64];\n"
        f"mov.u32 %r1, %tid.x;\nmov.u32 %r0, 0;\n{statements}\nDONE:\nld.param.u64 %rd1, [out];\n"
        "mad.wide.u32 %rd1, %r1, 4, %rd1;\nst.global.b32 [%rd1], %r0;\nret;\n}\n"
    )
    memory = Memory()
    address = memory.place(bytes(4 * threads))
    launch = Launch((1, 1, 1), (threads, 1, 1), address.to_bytes(8, "little"), memory, {})
    interpreter.run(parse(ptx), "k", launch)
    return np.frombuffer(bytes(memory.buffers[address]), np.uint32).tolist()


def compute(form: str, *values: int) -> int:
    opcode, *modifiers = form.split(".")
    found = meaning(opcode, modifiers)
    assert found is not None
    return found.compute(*values)


@pytest.mark.parametrize(
    ("form", "values", "result"),
    [
        ("add.s32", (0xFFFFFFFF, 2), 1),
        ("mul.hi.s32", (0xFFFFFFFF, 1), 0xFFFFFFFF),
        ("mul.wide.u16", (0xFFFF, 0xFFFF), 0xFFFE0001),
        ("div.s32", (0xFFFFFFF9, 2), 0xFFFFFFFD),
        ("rem.s32", (0xFFFFFFF9, 2), 0xFFFFFFFF),
        ("shr.s32", (0x80000000, 99), 0xFFFFFFFF),
        ("shl.b32", (1, 32), 0),
        ("bfe.s32", (0x80, 4, 4), 0xFFFFFFF8),
        ("bfe.u32", (0xABCD, 4, 8), 0xBC),
        ("bfi.b32", (0xF, 0, 28, 8), 0xF0000000),
        ("lop3.b32", (0xF0F0F0F0, 0xCCCCCCCC, 0xAAAAAAAA, 0x96), 0xF0F0F0F0 ^ 0xCCCCCCCC ^ 0xAAAAAAAA),
        ("shf.l.wrap.b32", (0x80000000, 1, 1), 3),
        ("prmt.b32", (0x33221100, 0x77665544, 0x7531), 0x77553311),
        ("setp.lo.u32", (1, 0xFFFFFFFF), 1),
        ("setp.lt.s32", (1, 0xFFFFFFFF), 0),
        ("setp.neu.f32", (floats.SINGLE.nan, 0), 1),
        ("cvt.sat.s8.s32", (300,), 127),
        ("cvt.rzi.s32.f32", (0xBFC00000,), 0xFFFFFFFF),
        ("cvt.rni.s32.f32", (0x7F800000,), 0x7FFFFFFF),
        ("min.f32", (0x80000000, 0), 0x80000000),
        ("add.rm.f32", (0x3F800000, 0xBF800000), 0x80000000),
        ("fma.rn.f16", (0x3C01, 0x3C01, 0xBC02), 0x0010),
        ("add.rn.ftz.f32", (1, 1), 0),
        ("add.f16x2", (0x3C003C00, 0x40003C00), 0x42004000),
    ],
)
def test_an_instruction_gives_what_the_isa_says(form, values, result):
    assert compute(form, *values) == result


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(NUMPY)), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_arithmetic_rounds_as_numpy_does(name, first, second):
    f, (type_, unsigned) = floats.FORMATS[name], NUMPY[name]
    bits = [v & (1 << f.bits) - 1 for v in (first, second)]
    a, b = (unsigned(v).view(type_) for v in bits)
    with np.errstate(all="ignore"):
        pairs = [(floats.add(f, *bits), a + b), (floats.multiply(f, *bits), a * b), (floats.divide(f, *bits), a / b),
                 (floats.root(f, bits[0]), np.sqrt(a)), (floats.integral(f, bits[0], "rni"), np.rint(a))]  # fmt: skip
        for target, (other, _) in NUMPY.items():
            converted = floats.converted(f, floats.FORMATS[target], bits[0])
            assert same(floats.FORMATS[target], converted, a.astype(other))
    assert all(same(f, ours, theirs) for ours, theirs in pairs)


def same(f: floats.Format, ours: int, theirs: np.generic) -> bool:
    bits = int.from_bytes(theirs.tobytes(), "little")
    return ours == bits or (floats.is_nan(f, ours) and floats.is_nan(f, bits))


def test_lanes_that_part_meet_again_at_a_vote():
    answer = run("""
        setp.lt.u32 %p1, %r1, 2;
        @%p1 bra LOW;
        mov.u32 %r0, 100;
    LOW:
        vote.sync.ballot.b32 %r2, %p1, 15;
        add.u32 %r0, %r0, %r2;
    """)
    assert answer == [3, 3, 103, 103]


def test_a_shuffle_reads_the_lane_above():
    assert run("shfl.sync.down.b32 %r0, %r1, 1, 31, 7;", threads=3)[:2] == [1, 2]


def test_lanes_that_left_are_not_waited_for():
    assert run("setp.eq.u32 %p1, %r1, 1;\n@%p1 exit;\nvote.sync.ballot.b32 %r0, %p1, 15;\nadd.u32 %r0, %r0, 7;") == [
        7,
        0,
        7,
        7,
    ]


def test_a_barrier_lets_threads_of_two_warps_exchange_words():
    answer = run(
        """
        mov.u64 %rd2, words;
        mad.wide.u32 %rd3, %r1, 4, %rd2;
        st.shared.u32 [%rd3], %r1;
        bar.sync 0;
        sub.u32 %r2, 39, %r1;
        mad.wide.u32 %rd3, %r2, 4, %rd2;
        ld.shared.u32 %r0, [%rd3];
    """,
        threads=40,
    )
    assert answer == list(range(39, -1, -1))


def test_an_endless_wait_is_an_error_of_the_program():
    with pytest.raises(Illegal, match="wait for ever"):
        run(
            "setp.eq.u32 %p1, %r1, 1;\n@%p1 bra DONE;\nvote.sync.ballot.b32 %r0, %p1, 15;\nbra DONE;".replace(
                "@%p1 bra DONE", "@%p1 bar.sync 0"
            )
        )


def test_an_access_out_of_bounds_is_an_error_of_the_program():
    with pytest.raises(Illegal, match="shared offset"):
        run("mov.u64 %rd2, words;\nld.shared.b32 %r0, [%rd2+256];")
