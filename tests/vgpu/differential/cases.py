"""Programs to run: several in one kernel, one block each, with inputs and a place for every result.

Compiling costs far more than running, so a kernel holds a few programs and `%ctaid.x` says which one a block runs.
In: a seed and the numbers of the programs. Out: PTX, the launch, the buffers' contents.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.vgpu.differential.programs import POOLS, SLOT_BYTES, TABLE_WORDS, Generator, value
from tests.vgpu.differential.statements import Statements, Writer

HEADER = ".version 8.7\n.target sm_90\n.address_size 64\n"
RECORD_BYTES = 128
ACCUMULATOR_BYTES = 128
STATEMENTS = (1, 1, 2, 2, 2, 3, 3, 5)  # of a program, nested ones not counted: compiling costs more than in proportion
BLOCK_SIZES = (40, 40, 40, 33, 32, 32, 31, 17, 1, 7, 64, 65, 71)
TYPES = {"r": "b32", "d": "b64", "s": "b16", "f": "f32", "g": "f64", "h": "b16", "x": "b32", "p": "pred", "u": "b32"}
# where a thread's inputs lie in its record
PLACES = {"r": (0, 4), "f": (32, 4), "d": (48, 8), "g": (80, 8), "s": (104, 2), "h": (112, 2), "x": (120, 4)}
LOADS = (
    "ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%in];",
    "ld.global.v2.b32 {%r4, %r5}, [%in+16];",
    "ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%in+32];",
    "ld.global.v2.b64 {%rd0, %rd1}, [%in+48];",
    "ld.global.v2.b64 {%rd2, %rd3}, [%in+64];",
    "ld.global.v2.f64 {%fd0, %fd1}, [%in+80];",
    "ld.global.f64 %fd2, [%in+96];",
    "ld.global.v4.b16 {%s0, %s1, %s2, %z0}, [%in+104];",
    "ld.global.v4.b16 {%h0, %h1, %h2, %z0}, [%in+112];",
    "ld.global.v2.b32 {%x0, %x1}, [%in+120];",
)
BEGIN = "mov.u64 %ctab, constants;"  # the last line of the prologue
PARAMETERS = ("in", "out", "slot", "acc", "tab")


@dataclass(frozen=True, slots=True)
class Case:
    """A kernel `k` of some programs, and what it starts with."""

    ptx: str
    blocks: int
    threads: int
    uniform: tuple[int, int]
    buffers: dict[str, bytes]  # by parameter name; every one is compared afterwards

    @property
    def body(self) -> str:
        """The PTX without what every case has."""
        return self.ptx.partition(BEGIN + "\n")[2].partition("tail:")[0]

    def parameters(self, addresses: dict[str, int]) -> bytes:
        return struct.pack(f"<{len(PARAMETERS)}QII", *(addresses[name] for name in PARAMETERS), *self.uniform)


@dataclass(frozen=True, slots=True)
class Group:
    """Programs that share a kernel, before they are text; `numbers` are those in the seed's sequence."""

    seed: int
    numbers: tuple[int, ...]
    programs: tuple[Statements, ...]


def group(seed: int, numbers: Sequence[int]) -> Group:
    """Every program depends on the seed and its own number; the launch, on the seed and the first number."""
    wild = Random(f"{seed} wild {numbers[0]}").random() < 0.3
    return Group(seed, tuple(numbers), tuple(program(Random(f"{seed} program {n}"), wild) for n in numbers))


def program(rng: Random, wild: bool) -> Statements:
    return Generator(rng, wild).program(rng.choice(STATEMENTS))


def case(group: Group) -> Case:
    """Inputs come from the seed and the first number."""
    return build(group.programs, Random(f"{group.seed} inputs {group.numbers[0]}"))


def build(programs: Sequence[Statements], rng: Random) -> Case:
    threads = rng.choice(BLOCK_SIZES)
    uniform = (value(rng, "u"), value(rng, "u"))
    records = b"".join(_record(rng) for _ in range(threads))
    blocks = len(programs)
    buffers = {
        "in": records,
        "out": b"\xa5" * (4 * blocks * threads),
        "slot": rng.randbytes(SLOT_BYTES * blocks * threads),
        "acc": rng.randbytes(ACCUMULATOR_BYTES * blocks),
        "tab": b"".join(struct.pack("<I", value(rng, "f")) for _ in range(TABLE_WORDS)),
    }
    return Case(text(programs, threads), blocks, threads, uniform, buffers)


def _record(rng: Random) -> bytes:
    record = bytearray(RECORD_BYTES)
    for kind, (start, size) in PLACES.items():
        for i in range(len(POOLS[kind])):
            record[start + i * size : start + (i + 1) * size] = value(rng, kind).to_bytes(size, "little")
    return bytes(record)


# --- text -------------------------------------------------------------------------------------


def text(programs: Sequence[Statements], threads: int) -> str:
    bodies = []
    for number, statements in enumerate(programs):
        writer = Writer(f"P{number}")
        writer.write(statements)
        bodies.append("\n".join(writer.lines))
    names = set(re.findall(r"%?\w+", "\n".join(bodies)))
    lines = [*_prologue(names), *_choose(bodies), "tail:", *_epilogue(names), "ret;"]
    words = ", ".join(str(0x9E3779B9 * (i + 1) & 0xFFFFFFFF) for i in range(16))
    return (
        f"{HEADER}.const .align 8 .b32 constants[16] = {{{words}}};\n"
        ".entry k(.param .u64 in, .param .u64 out, .param .u64 slot, .param .u64 acc, .param .u64 tab, "
        ".param .u32 first, .param .u32 second)\n{\n" + _declarations(threads) + "\n".join(lines) + "\n}\n"
    )


def _declarations(threads: int) -> str:
    by_type: dict[str, list[str]] = {}
    for kind, registers in POOLS.items():
        by_type.setdefault(TYPES[kind], []).extend(registers)
    by_type["b32"] += ["%tx", "%nt", "%ln", "%hash", *(f"%{c}{i}" for c in "tmlcn" for i in range(8))]
    by_type["b64"] += [
        "%a0",
        "%a1",
        "%in",
        "%out",
        "%slot",
        "%acc",
        "%tab",
        "%ctab",
        "%shs",
        "%gsh",
        "%gloc",
        "%xch",
        "%xch0",
    ]
    by_type["b16"] += ["%z0", "%z1"]
    by_type["pred"] += ["%q0", "%q1", "%q2", "%yes"]
    by_type["f32"].append("%ft")
    registers = "".join(f".reg .{type_} {', '.join(names)};\n" for type_, names in by_type.items())
    return (
        f"{registers}.shared .align 16 .b8 own[{threads * SLOT_BYTES // 2}];\n.shared .align 4 .b32 words[{threads}];\n"
        f".local .align 16 .b8 loc[{SLOT_BYTES}];\n"
    )


def _prologue(names: set[str]) -> list[str]:
    """Addresses, masks and the start value of every register that is used."""
    lines = ["activemask.b32 %m0;", "mov.u32 %tx, %tid.x;", "mov.u32 %nt, %ntid.x;", "mov.u32 %ln, %laneid;",
             "mov.u32 %t0, %ctaid.x;", "mad.lo.u32 %t1, %t0, %nt, %tx;"]  # fmt: skip
    lines += [f"ld.param.u64 %{name}, [{name}];" for name in PARAMETERS]
    lines += [f"mad.wide.u32 %in, %tx, {RECORD_BYTES}, %in;", "mad.wide.u32 %out, %t1, 4, %out;",
              f"mad.wide.u32 %slot, %t1, {SLOT_BYTES}, %slot;", f"mad.wide.u32 %acc, %t0, {ACCUMULATOR_BYTES}, %acc;"]  # fmt: skip
    lines += ["ld.param.u32 %u0, [first];", "ld.param.u32 %u1, [second];", "setp.eq.u32 %yes, 0, 0;"]
    lines += [load for load in LOADS if names & set(re.findall(r"%\w+", load)) - {"%in", "%z0"} or "%r0" in load]
    for i, name in enumerate(POOLS["p"]):
        lines += [f"and.b32 %t1, %r{i}, {1 << i};", f"setp.ne.u32 {name}, %t1, 0;"]
    if names & {"%shs", "%gsh"}:
        lines += ["mov.u64 %shs, own;", f"mad.wide.u32 %shs, %tx, {SLOT_BYTES // 2}, %shs;", "cvta.shared.u64 %gsh, %shs;",
                  "st.shared.v4.b32 [%shs], {%r0, %r1, %r2, %r3};"]  # fmt: skip
    if names & {"%gloc", "loc"}:
        lines += ["mov.u64 %gloc, loc;", "cvta.local.u64 %gloc, %gloc;", "st.local.v4.b32 [loc], {%r0, %r1, %r2, %r3};",
                  "st.local.v4.b32 [loc+16], {%r3, %r2, %r1, %r0};"]  # fmt: skip
    if "%xch" in names:
        lines += ["mov.u64 %xch0, words;", "mad.wide.u32 %xch, %tx, 4, %xch0;", "st.shared.b32 [%xch], %tx;"]
    return [*lines, BEGIN]


def _choose(bodies: Sequence[str]) -> list[str]:
    """One program a block; branches on %ctaid.x, so that no lanes part here."""
    if len(bodies) == 1:
        return [bodies[0]]
    lines = []
    for number, body in enumerate(bodies):
        over = f"over{number}"
        lines += ["mov.u32 %t0, %ctaid.x;", f"setp.ne.u32 %q0, %t0, {number};", f"@%q0 bra {over};", body, "bra tail;"]
        lines.append(f"{over}:")
    return lines


def _epilogue(names: set[str]) -> list[str]:
    """All registers into one word: a step that keeps any one difference (multiplication by an odd number, addition)."""
    lines = ["mov.u32 %hash, 0;"]

    def mix(register: str) -> None:
        lines.append(f"mad.lo.u32 %hash, %hash, 0x9E3779B1, {register};")

    for kind, registers in POOLS.items():
        for register in registers:
            if register in names:
                lines.extend(_as_words(kind, register))
                for word in ("%t0", "%t1")[: 2 if kind in "dgx" else 1]:
                    mix(word)
    lines.append("st.global.b32 [%out], %hash;")
    return lines


def _as_words(kind: str, register: str) -> list[str]:
    """A register in %t0, or in %t0 and %t1, with every NaN the same."""
    match kind:
        case "r" | "u":
            return [f"mov.b32 %t0, {register};"]
        case "d":
            return [f"mov.b64 {{%t0, %t1}}, {register};"]
        case "s":
            return [f"cvt.u32.u16 %t0, {register};"]
        case "p":
            return [f"selp.b32 %t0, 1, 0, {register};"]
        case "f":
            return [f"setp.nan.f32 %q0, {register}, {register};", f"mov.b32 %t0, {register};",
                    "selp.b32 %t0, 0x7fffffff, %t0, %q0;"]  # fmt: skip
        case "g":
            return [f"setp.nan.f64 %q0, {register}, {register};", f"mov.b64 %a0, {register};",
                    "selp.b64 %a0, 0x7fffffffffffffff, %a0, %q0;", "mov.b64 {%t0, %t1}, %a0;"]  # fmt: skip
        case "h":
            return _half(register, "%t0")
        case _:
            return [f"mov.b32 {{%z0, %z1}}, {register};", *_half("%z0", "%t0"), *_half("%z1", "%t1")]


def _half(register: str, word: str) -> list[str]:
    return [f"setp.nan.f16 %q0, {register}, {register};", f"selp.b16 {register}, 0x7fff, {register}, %q0;",
            f"cvt.u32.u16 {word}, {register};"]  # fmt: skip
