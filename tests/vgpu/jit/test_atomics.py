"""atom and red: each operation on each type and space, lane after lane, against Python integers and exact sums."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from harness.vgpu.jit.rules.atomics import OPERATIONS
from harness.vgpu.jit.rules.atomics import TYPES as ATOMIC_TYPES
from harness.vgpu.run.kernel import LoadedKernel
from harness.vgpu.run.mode import Mode
from tests.vgpu.jit import exact
from tests.vgpu.jit.exact import DOUBLE, SINGLE
from tests.vgpu.jit.models import signed
from tests.vgpu.jit.ptx_bench import CHECKED, aligned, launch, load

THREADS, PLACES = 75, 8
# what PTX allows of each operation (PTX ISA, atom)
TYPES = {
    "add": ("u32", "s32", "u64", "f32", "f64"), "min": ("u32", "s32", "u64", "s64"), "max": ("u32", "s32", "u64", "s64"),
    "and": ("b32", "b64"), "or": ("b32", "b64"), "xor": ("b32", "b64"), "exch": ("b32", "b64"), "cas": ("b32", "b64"),
    "inc": ("u32",), "dec": ("u32",),
}  # fmt: skip
CASES = [(operation, type_) for operation, types in TYPES.items() for type_ in types]
GENERIC = [("add", "u32"), ("min", "s64"), ("cas", "b64"), ("add", "f32")]
PLACED = [(*case, space) for case in CASES for space in ("global", "shared")]
PLACED += [(*case, space) for case in GENERIC for space in ("generic", "generic shared")]
NOISE = random.Random(11)


def combine(operation: str, type_: str, flush: bool) -> Callable[[int, int, int], int]:
    """New content from the old, the operand, and what cas compares with."""
    width = int(type_[1:])
    if type_[0] == "f":
        form = SINGLE if width == 32 else DOUBLE
        zero = form.flushed if flush and width == 32 else lambda bits: bits
        return lambda old, a, b: zero(int(exact.add(form, zero(old), zero(a))))

    def number(bits: int) -> int:
        return signed(bits, width) if type_[0] == "s" else bits

    table: dict[str, Callable[[int, int, int], int]] = {
        "add": lambda old, a, b: old + a & (1 << width) - 1,
        "min": lambda old, a, b: a if number(a) < number(old) else old,
        "max": lambda old, a, b: a if number(a) > number(old) else old,
        "and": lambda old, a, b: old & a, "or": lambda old, a, b: old | a, "xor": lambda old, a, b: old ^ a,
        "exch": lambda old, a, b: a, "cas": lambda old, a, b: a if old == b else old,
        "inc": lambda old, a, b: 0 if old >= a else old + 1,
        "dec": lambda old, a, b: a if old == 0 or old > a else old - 1,
    }  # fmt: skip
    return table[operation]


def operands(operation: str, type_: str) -> tuple[list[int], list[int], list[int], list[int]]:
    """Content of the places, and per thread its place, its operand and what it compares with."""
    width = int(type_[1:])
    generator = random.Random(f"{operation} {type_}")

    def one() -> int:
        if type_[0] == "f":
            value = generator.choice(
                (0.0, -0.0, 1.5, 2.0**-140, -(2.0**-140), 2.0**-126, 1e10, generator.uniform(-2, 2))
            )
            code = ("<f", "<I") if width == 32 else ("<d", "<Q")
            return struct.unpack(code[1], struct.pack(code[0], value))[0]
        if operation in ("inc", "dec", "cas"):
            return generator.choice((0, 1, 2, 3, (1 << width) - 1))
        return generator.choice((0, 1, 1 << width - 1, (1 << width) - 1, generator.getrandbits(width)))

    content = [one() for _ in range(PLACES)]
    places = [generator.randrange(PLACES - 1) for _ in range(THREADS)]
    return content, places, [one() for _ in range(THREADS)], [one() for _ in range(THREADS)]


@cache
def kernel(operation: str, type_: str, space: str, opcode: str) -> LoadedKernel:
    bits = type_[1:]
    compared = "%b, %v" if operation == "cas" else "%v"
    name = ".".join(part for part in (opcode, "" if "generic" in space else space, operation, type_) if part)
    destination = "%old, " if opcode == "atom" else ""
    prepare = {"global": "", "generic": "", "shared": "mov.u64 %base, board;",
               "generic shared": "mov.u64 %base, board; cvta.shared.u64 %base, %base;"}[space]  # fmt: skip
    return load(f"""
    .entry k(.param .u64 out, .param .u64 content, .param .u64 places, .param .u64 values, .param .u64 others, .param .u64 guards)
    {{
    .reg .pred %go, %p;
    .reg .b32 %t, %g;
    .reg .b64 %out, %base, %source, %a, %o, %place;
    .reg .b{bits} %v, %b, %old;
    .shared .align 8 .b8 board[64];
    mov.u32 %t, %tid.x;
    mul.wide.u32 %o, %t, 8;
    ld.param.u64 %a, [places]; add.u64 %a, %a, %o; ld.global.u64 %place, [%a];
    ld.param.u64 %a, [values]; add.u64 %a, %a, %o; ld.global.b{bits} %v, [%a];
    ld.param.u64 %a, [others]; add.u64 %a, %a, %o; ld.global.b{bits} %b, [%a];
    ld.param.u64 %a, [guards]; add.u64 %a, %a, %o; ld.global.b32 %g, [%a];
    setp.ne.u32 %go, %g, 0;
    ld.param.u64 %out, [out]; add.u64 %out, %out, %o;
    ld.param.u64 %source, [content];
    mov.u64 %base, %source;
    {prepare}
    mov.u64 %a, 0x0123456789abcdef;
    cvt.u{bits}.u64 %old, %a;
    setp.ge.u32 %p, %t, {PLACES};
    mul.wide.u32 %a, %t, {int(bits) // 8};
    @%p bra ready;
    add.u64 %source, %source, %a;
    .reg .b{bits} %x;
    ld.global.b{bits} %x, [%source];
    add.u64 %a, %base, %a;
    st.b{bits} [%a], %x;
    ready:
    bar.sync 0;
    mad.lo.u64 %a, %place, {int(bits) // 8}, %base;
    @%go {name} {destination}[%a], {compared};
    st.global.b{bits} [%out], %old;
    bar.sync 0;
    @%p exit;
    mul.wide.u32 %a, %t, {int(bits) // 8};
    add.u64 %base, %base, %a;
    ld.b{bits} %x, [%base];
    st.global.b{bits} [%source], %x;
    ret;
    }}
    """.replace("    st.b", "    st.shared.b" if space == "shared" else "    st.b").replace(
        "    ld.b", "    ld.shared.b" if space == "shared" else "    ld.b"))  # fmt: skip


def words(numbers: list[int], width: int) -> np.ndarray:
    """One number in each eight bytes, or side by side."""
    array = aligned(len(numbers), f"u{width}")
    array[:] = numbers
    return array


def check(operation: str, type_: str, space: str, opcode: str, guards: list[int], mode: Mode = CHECKED) -> None:
    content, places, values, others = operands(operation, type_)
    width = int(type_[1:]) // 8
    out, memory = aligned(THREADS, np.uint64), words(content, width)
    arguments = [out, memory, *(words(column, 8) for column in (places, values, others, guards))]
    launch(kernel(operation, type_, space, opcode), arguments, block=(THREADS,), mode=mode)
    step, kept = combine(operation, type_, "shared" not in space), 0x0123456789ABCDEF & (1 << 8 * width) - 1
    seen = []
    for place, value, other, go in zip(places, values, others, guards, strict=True):
        seen.append(content[place] if go else kept)
        content[place] = step(content[place], value, other) if go else content[place]
    assert memory.tolist() == content
    if opcode == "atom":
        assert out.astype(f"u{width}").tolist() == seen


def test_every_operation_and_type_of_the_engine_is_here():
    assert set(TYPES) == set(OPERATIONS)
    assert {type_ for types in TYPES.values() for type_ in types} == set(ATOMIC_TYPES)


@pytest.mark.parametrize(("operation", "type_", "space"), PLACED)
def test_atomics_of_lanes_happen_one_after_the_other(operation, type_, space):
    check(operation, type_, space, "atom", [1] * THREADS)


@pytest.mark.parametrize(("operation", "type_"), CASES)
def test_a_guarded_atomic_happens_for_its_threads_only(operation, type_):
    check(operation, type_, "global", "atom", [int(t % 3 != 0) for t in range(THREADS)])


@pytest.mark.parametrize(("operation", "type_"), [case for case in CASES if case[0] not in ("exch", "cas")])
def test_a_reduction_leaves_what_the_atomic_would(operation, type_):
    check(operation, type_, "global", "red", [1] * THREADS)


@pytest.mark.parametrize("mode", [Mode(False, False), Mode(True, True), Mode(True, False, workers=2)])
def test_atomics_do_the_same_in_every_mode(mode):
    for operation, type_ in (("add", "u32"), ("cas", "b64"), ("add", "f32")):
        check(operation, type_, "global", "atom", [1] * THREADS, mode)


# --- many blocks --------------------------------------------------------------------------------------------------

SUM = """
.entry k(.param .u64 total, .param .u64 values)
{{
.reg .b32 %t, %c, %n, %i, %v;
.reg .f32 %f;
.reg .b64 %total, %a, %o;
ld.param.u64 %total, [total];
ld.param.u64 %a, [values];
mov.u32 %t, %tid.x; mov.u32 %c, %ctaid.x; mov.u32 %n, %ntid.x;
mad.lo.u32 %i, %c, %n, %t;
mul.wide.u32 %o, %i, 4;
add.u64 %a, %a, %o;
ld.global.b32 %v, [%a];
mov.b32 %f, %v;
{operation}
ret;
}}
"""


@pytest.mark.parametrize(
    "operation",
    ["red.global.add.u32 [%total], %v;", "red.global.max.s32 [%total], %v;", "red.global.xor.b32 [%total], %v;",
     "red.global.add.f32 [%total], %f;", "atom.global.add.f32 %f, [%total], %f;"],
)  # fmt: skip
def test_the_sum_of_many_blocks_has_the_same_bits_for_any_number_of_workers(operation):
    """Sums of floats depend on their order, which therefore does not depend on the workers."""
    blocks, threads = 60, 64
    values = aligned(blocks * threads, np.float32)
    values[:] = np.random.default_rng(2).standard_normal(blocks * threads)
    found = set()
    for workers in (1, 2, 2, 2):
        total = aligned(1)
        arguments = [total, values.view(np.uint32)]
        launch(
            load(SUM.format(operation=operation)),
            arguments,
            grid=(blocks,),
            block=(threads,),
            mode=Mode(True, False, workers=workers),
        )
        found.add(int(total[0]))
    assert len(found) == 1


TICKETS = """
    mov.u32 %n, 1;
    atom.global.{0} %i, [%total], %n;
    mul.wide.u32 %o, %i, 4;
    add.u64 %a, %total, %o;
    st.global.u32 [%a+4], %c;
"""


@pytest.mark.parametrize("atomic", ["add.u32", "exch.b32"])
def test_what_blocks_get_back_does_not_depend_on_the_number_of_workers(atomic):
    kernel, blocks, found = load(SUM.format(operation=TICKETS.format(atomic))), 300, set()
    for workers in (1, 2, 2):
        total = aligned(blocks + 1)
        launch(kernel, [total, aligned(blocks)], grid=(blocks,), block=(1,), mode=Mode(True, False, workers=workers))
        found.add(total.tobytes())
    assert len(found) == 1


def test_integer_sums_do_not_depend_on_the_order_of_blocks():
    values, found = aligned(40 * 64), set()
    values[:] = np.random.default_rng(3).integers(0, 1 << 32, 40 * 64)
    for reverse in (False, True):
        total = aligned(1)
        text = SUM.format(operation="red.global.add.u32 [%total], %v;")
        launch(load(text), [total, values], grid=(40,), block=(64,), mode=Mode(True, False, reverse, workers=2))
        found.add(int(total[0]))
    assert found == {int(values.sum() & 0xFFFFFFFF)}
