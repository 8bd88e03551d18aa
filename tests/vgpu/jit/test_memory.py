"""Loads and stores of every width in every space, whatever pattern the addresses make: against NumPy's bytes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from harness.vgpu.run.kernel import LoadedKernel
from harness.vgpu.run.mode import Mode
from tests.vgpu.jit.ptx_bench import aligned, launch, load

THREADS, SLOTS = 80, 128  # two full warps and half of one; elements of a buffer
MODES = {"checked": Mode(True, False, workers=1), "fast": Mode(False, False, workers=2), "counted": Mode(True, True),
         "in reverse": Mode(True, False, workers=2, reverse=True)}  # fmt: skip
OLD = 0x5A5A5A5A5A5A5A5A  # in every destination beforehand


@dataclass(frozen=True)
class Access:
    """A type as ld and st name it, elements side by side, and the register that each goes to."""

    type: str
    count: int
    register: str

    @property
    def element(self) -> int:
        return int(self.type[1:]) // 8

    @property
    def bytes(self) -> int:
        return self.element * self.count

    @property
    def vector(self) -> str:
        return f".v{self.count}" if self.count > 1 else ""

    def __str__(self) -> str:
        return f"{self.type}x{self.count}"

    def names(self, prefix: str) -> str:
        names = [f"%{prefix}{i}" for i in range(self.count)]
        return f"{{{', '.join(names)}}}" if self.count > 1 else names[0]


ACCESSES = [
    Access("u8", 1, "b16"), Access("s8", 1, "b16"), Access("b8", 1, "b16"), Access("u8", 1, "b32"),
    Access("s8", 1, "b32"), Access("s8", 1, "b64"), Access("u8", 2, "b16"), Access("s8", 4, "b32"),
    Access("u16", 1, "b16"), Access("s16", 1, "b32"), Access("u16", 1, "b64"), Access("b16", 2, "b16"),
    Access("u16", 4, "b16"), Access("u32", 1, "b32"), Access("s32", 1, "b64"), Access("f32", 1, "f32"),
    Access("b32", 2, "b32"), Access("f32", 2, "f32"), Access("u32", 4, "b32"), Access("f32", 4, "f32"),
    Access("b64", 1, "b64"), Access("f64", 1, "f64"), Access("u64", 2, "b64"), Access("f64", 2, "f64"),
]  # fmt: skip
# 256 bits: global memory only
WIDE = [Access("b32", 8, "b32"), Access("f32", 8, "f32"), Access("u64", 4, "b64"), Access("f64", 4, "f64")]
WIDTHS = {"b16": 2, "b32": 4, "b64": 8, "f32": 4, "f64": 8}
SPACES = ("global", "shared", "local", "const", "generic global", "generic shared", "generic local")
NOISE = random.Random(3)
DATA = np.frombuffer(NOISE.randbytes(32 * SLOTS), np.uint8)


def accesses(space: str) -> list[Access]:
    return ACCESSES + (WIDE if "global" in space else [])


def patterns() -> dict[str, list[int]]:
    """The slot of each thread."""
    shuffled = list(range(SLOTS))
    random.Random(5).shuffle(shuffled)
    return {
        "contiguous": list(range(THREADS)), "shifted": [t + 3 for t in range(THREADS)],
        "backwards": [THREADS - t for t in range(THREADS)], "strided": [t * 3 % SLOTS for t in range(THREADS)],
        "scattered": shuffled[:THREADS], "one for all": [77] * THREADS,
        "two": [5 if t % 2 else 100 for t in range(THREADS)],
        "nearly contiguous": [t + (t == 31) for t in range(THREADS)],
    }  # fmt: skip


# --- kernels ------------------------------------------------------------------------------------------------------

HEAD = """
.const .align 16 .b8 table[2048];
.entry k(.param .u64 out, .param .u64 source, .param .u64 slots, .param .u64 guards)
{
.reg .pred %go, %p;
.reg .b16 %h;
.reg .b32 %t, %i, %n, %w, %low;
.reg .b64 %out, %src, %idx, %slot, %base, %a, %g, %wide;
.shared .align 16 .b8 board[2048];
.local .align 16 .b8 mine[2048];
ld.param.u64 %out, [out];
ld.param.u64 %src, [source];
ld.param.u64 %idx, [slots];
ld.param.u64 %g, [guards];
mov.u32 %t, %tid.x;
mov.u32 %i, %ctaid.x;
"""
BY_THREAD = "mov.u32 %i, %t;"
LANES = """
mul.wide.u32 %a, %i, 8;
add.u64 %out, %out, %a;
add.u64 %idx, %idx, %a;
add.u64 %g, %g, %a;
ld.global.u64 %slot, [%idx];
ld.global.u32 %low, [%g];
setp.ne.u32 %go, %low, 0;
"""
# what each space is filled with: a copy of the source; local memory with the thread's index mixed in
FILL = {
    "shared": """
        mov.u32 %i, %t;
        mov.u32 %n, %ntid.x;
        fill:
        mul.wide.u32 %a, %i, 4;
        add.u64 %a, %a, %src;
        ld.global.u32 %w, [%a];
        mov.u32 %low, board;
        mad.lo.u32 %low, %i, 4, %low;
        st.shared.u32 [%low], %w;
        add.u32 %i, %i, %n;
        setp.lt.u32 %p, %i, 512;
        @%p bra fill;
        bar.sync 0;
    """,
    "local": """
        mov.u32 %i, 0;
        fill:
        mul.wide.u32 %a, %i, 4;
        mov.u64 %base, mine;
        add.u64 %base, %base, %a;
        add.u64 %a, %a, %src;
        ld.global.u32 %w, [%a];
        xor.b32 %w, %w, %t;
        st.local.u32 [%base], %w;
        add.u32 %i, %i, 1;
        setp.lt.u32 %p, %i, 512;
        @%p bra fill;
    """,
}  # fmt: skip
BASES = {
    "global": "mov.u64 %base, %src;", "shared": "mov.u64 %base, board;", "local": "mov.u64 %base, mine;",
    "const": "mov.u64 %base, table;", "generic global": "cvta.global.u64 %base, %src;",
    "generic shared": "mov.u64 %base, board; cvta.shared.u64 %base, %base;",
    "generic local": "mov.u64 %base, mine; cvta.local.u64 %base, %base;",
}  # fmt: skip
AS_64 = {"b16": "cvt.u64.u16 %wide, {0};", "b32": "cvt.u64.u32 %wide, {0};", "b64": "mov.b64 %wide, {0};",
         "f32": "mov.b32 %low, {0}; cvt.u64.u32 %wide, %low;", "f64": "mov.b64 %wide, {0};"}  # fmt: skip
FROM_64 = {"b16": "cvt.u16.u64 {0}, %wide;", "b32": "cvt.u32.u64 {0}, %wide;", "b64": "mov.b64 {0}, %wide;",
           "f32": "cvt.u32.u64 %low, %wide; mov.b32 {0}, %low;", "f64": "mov.b64 {0}, %wide;"}  # fmt: skip


def instruction(opcode: str, space: str) -> str:
    return f"{opcode}.{space}" if " " not in space else opcode


@cache
def loader(space: str, shared_index: bool) -> LoadedKernel:
    """Each access of each thread, as 64 bits, in a row of its own."""
    lines = [HEAD, "" if shared_index else BY_THREAD, LANES, FILL.get(space.split()[-1], ""), BASES[space]]
    row = 0
    for access in accesses(space):
        lines.append("{")
        guard = "" if shared_index else "@%go "
        for i in range(access.count):
            lines += [
                f".reg .{access.register} %v{i};",
                f"mov.u64 %wide, {OLD};",
                FROM_64[access.register].format(f"%v{i}"),
            ]
        lines += [f"mad.lo.u64 %a, %slot, {access.bytes}, %base;"]
        lines += [f"{guard}{instruction('ld', space)}{access.vector}.{access.type} {access.names('v')}, [%a];"]
        for i in range(access.count):
            lines += [AS_64[access.register].format(f"%v{i}"), f"st.global.u64 [%out+{8 * SLOTS * row}], %wide;"]
            row += 1
        lines.append("}")
    return load("\n".join([*lines, "ret;", "}"]))


@cache
def storer(space: str, access: Access) -> LoadedKernel:
    """Each thread stores elements made of its index; then the space's content goes to `out`."""
    lines = [HEAD, BY_THREAD, LANES, FILL.get(space.split()[-1], ""), BASES[space]]
    for i in range(access.count):
        lines += [f".reg .{access.register} %v{i};", "cvt.u64.u32 %wide, %t;", f"mad.lo.u64 %wide, %wide, {_factor(i)}, {i + 7};",
                  FROM_64[access.register].format(f"%v{i}")]  # fmt: skip
    lines += [f"mad.lo.u64 %a, %slot, {access.bytes}, %base;"]
    lines += [f"@%go {instruction('st', space)}{access.vector}.{access.type} [%a], {access.names('v')};", "bar.sync 0;"]
    if "global" not in space:
        opcode = instruction("ld", space)
        lines += [
            f"""
            ld.param.u64 %out, [out];
            mul.wide.u32 %wide, %t, 2048;
            add.u64 %out, %out, %wide;
            mov.u64 %slot, 0;
            copy:
            add.u64 %a, %base, %slot;
            {opcode}.u32 %low, [%a];
            add.u64 %a, %out, %slot;
            st.global.u32 [%a], %low;
            add.u64 %slot, %slot, 4;
            setp.lt.u64 %p, %slot, 2048;
            @%p bra copy;
        """
        ]
    return load("\n".join([*lines, "ret;", "}"]))


def _factor(i: int) -> int:
    return 0x0123456789ABCDEF * (2 * i + 1) & (1 << 63) - 1


# --- models -------------------------------------------------------------------------------------------------------


def content(space: str, thread: int) -> np.ndarray:
    """What the space holds for a thread, as bytes."""
    held = DATA if "global" in space else DATA[:2048]
    return (held.view(np.uint32) ^ (thread if "local" in space else 0)).view(np.uint8)


def loaded(space: str, access: Access, thread: int, slot: int) -> list[int]:
    start, size = slot * access.bytes, access.element
    raw = content(space, thread)[start : start + access.bytes].tobytes()
    elements = [raw[i * size : (i + 1) * size] for i in range(access.count)]
    numbers = [int.from_bytes(e, "little", signed=access.type[0] == "s") for e in elements]
    return [number & (1 << 8 * WIDTHS[access.register]) - 1 for number in numbers]


def wanted_loads(space: str, slots: list[int], guards: list[int]) -> np.ndarray:
    rows = []
    for access in accesses(space):
        old = [OLD & (1 << 8 * WIDTHS[access.register]) - 1] * access.count
        columns = [
            loaded(space, access, t, slot) if go else old
            for t, (slot, go) in enumerate(zip(slots, guards, strict=True))
        ]
        rows += list(zip(*columns, strict=True))
    return np.array(rows, np.uint64)


def words(numbers: list[int]) -> np.ndarray:
    array = aligned(len(numbers), np.uint64)
    array[:] = numbers
    return array


def source_copy() -> np.ndarray:
    source = aligned(len(DATA), np.uint8)
    source[:] = DATA
    return source


def fill_constants(kernel: LoadedKernel) -> None:
    import ctypes

    address, size = kernel._variables.places["table"]
    ctypes.memmove(address, DATA.ctypes.data, size)


def read(space: str, slots: list[int], guards: list[int], mode: Mode, shared_index: bool = False) -> np.ndarray:
    rows = sum(access.count for access in accesses(space))
    out, kernel = aligned(rows * SLOTS, np.uint64), loader(space, shared_index)
    fill_constants(kernel)
    grid, block = ((len(slots),), (32,)) if shared_index else ((1,), (len(slots),))
    launch(kernel, [out, source_copy(), words(slots), words(guards)], grid=grid, block=block, mode=mode)
    return out.reshape(rows, SLOTS)[:, : len(slots)]


# --- loads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("pattern", patterns())
def test_a_load_brings_each_thread_its_own_element(space, pattern):
    slots, guards = patterns()[pattern], [1] * THREADS
    for name, mode in MODES.items():
        assert np.array_equal(read(space, slots, guards, mode), wanted_loads(space, slots, guards)), name


@pytest.mark.parametrize("space", SPACES)
def test_a_guarded_load_leaves_the_other_threads_registers(space):
    slots = patterns()["contiguous"]
    for guards in ([t % 3 != 0 for t in range(THREADS)], [t == 40 for t in range(THREADS)], [False] * THREADS):
        got = read(space, slots, [int(go) for go in guards], MODES["checked"])
        assert np.array_equal(got, wanted_loads(space, slots, [int(go) for go in guards]))


@pytest.mark.parametrize("space", [space for space in SPACES if "local" not in space])
@pytest.mark.parametrize("mode", MODES)
def test_a_load_from_one_address_is_the_same_for_all_lanes(space, mode):
    slots = patterns()["scattered"][:12]
    assert np.array_equal(read(space, slots, [1] * 12, MODES[mode], True), wanted_loads(space, slots, [1] * 12))


def test_a_thread_that_loads_nothing_may_hold_any_address():
    slots = [t if t % 2 else 1 << 50 for t in range(THREADS)]
    guards = [t % 2 for t in range(THREADS)]
    for space in SPACES:
        assert np.array_equal(read(space, slots, guards, MODES["checked"]), wanted_loads(space, slots, guards))


# --- stores -------------------------------------------------------------------------------------------------------

STORED = [Access("u8", 1, "b16"), Access("b8", 4, "b32"), Access("u16", 1, "b32"), Access("f32", 1, "f32"),
          Access("u32", 2, "b32"), Access("b32", 4, "b32"), Access("f64", 1, "f64"), Access("u64", 2, "b64")]  # fmt: skip
CHANGEABLE = [space for space in SPACES if space != "const"]
STORES = [(space, access) for space in CHANGEABLE for access in STORED + (WIDE if "global" in space else [])]


def element(access: Access, thread: int, i: int) -> bytes:
    return (thread * _factor(i) + i + 7 & (1 << 64) - 1).to_bytes(8, "little")[: access.element]


def wanted_content(space: str, access: Access, slots: list[int], guards: list[int]) -> np.ndarray:
    """The space as each thread sees it afterwards; of several threads at one place, the highest wins."""
    views = [content(space, t).copy() for t in range(THREADS)]
    for thread, (slot, go) in enumerate(zip(slots, guards, strict=True)):
        raw = b"".join(element(access, thread, i) for i in range(access.count))
        seen = [views[thread]] if "local" in space else views
        for view in seen if go else []:
            view[slot * access.bytes : (slot + 1) * access.bytes] = list(raw)
    return np.array(views)


def stored(space: str, access: Access, slots: list[int], guards: list[int], mode: Mode) -> np.ndarray:
    out, source, kernel = aligned(THREADS * 2048, np.uint8), source_copy(), storer(space, access)
    launch(kernel, [out, source, words(slots), words(guards)], block=(THREADS,), mode=mode)
    return np.tile(source, (THREADS, 1)) if "global" in space else out.reshape(THREADS, 2048)


@pytest.mark.parametrize(("space", "access"), STORES, ids=str)
def test_a_store_changes_its_element_and_nothing_else(space, access):
    for name, slots in patterns().items():
        several = len(set(slots)) < THREADS and "local" not in space  # in which order is then the mode's business
        for mode in ("checked",) if several else MODES:
            got = stored(space, access, slots, [1] * THREADS, MODES[mode])
            assert np.array_equal(got, wanted_content(space, access, slots, [1] * THREADS)), (name, mode)


@pytest.mark.parametrize(("space", "access"), STORES, ids=str)
def test_a_guarded_store_writes_for_its_threads_only(space, access):
    slots, guards = patterns()["contiguous"], [int(t % 5 != 1) for t in range(THREADS)]
    assert np.array_equal(
        stored(space, access, slots, guards, MODES["checked"]), wanted_content(space, access, slots, guards)
    )
