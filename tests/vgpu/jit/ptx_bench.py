"""Runs PTX on NumPy arrays: whole kernels, and single instructions over many values at once.

A `Case` is one instruction with the types of its operands. `evaluate` builds one kernel out of many cases that read
the same sources, and returns the bits that each wrote. The way that an operand reaches the instruction decides which
code the engine makes, so every case can go down several `PATHS`:

- lanes: each lane has its own values; blocks of 80 threads, so that full warps and a half-filled one take part;
- uniform: all lanes of a warp have the same values, which the engine keeps as scalars;
- guarded: under a predicate of each lane's own; lanes without it keep what the destination held;
- guarded_uniform: the operands are the same in all lanes, the predicate is not;
- uniform_guard: operands and predicate are the same in all lanes;
- divergent: behind a branch that only some lanes take.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.vgpu.counters.record import Counters
from harness.vgpu.jit.target import Target
from harness.vgpu.run import module
from harness.vgpu.run.allocations import table
from harness.vgpu.run.kernel import LoadedKernel
from harness.vgpu.run.mode import Mode

HEADER = ".version 9.0\n.target sm_90a\n.address_size 64\n"
BLOCK = 80
BY_BLOCK = ("uniform", "guarded_uniform", "uniform_guard")  # paths on which all lanes of a warp have the same value
PATHS = ("lanes", "uniform", "guarded", "guarded_uniform", "uniform_guard", "divergent")
CHECKED = Mode(checked=True, counted=False, workers=1)

BYTES = {"b16": 2, "b32": 4, "b64": 8, "f32": 4, "f64": 8, "pred": 4}
_SENTINEL = 0xA5C3_96F0_5A3C_690F


@contextlib.contextmanager
def allocated(*arrays: np.ndarray) -> Iterator[None]:
    """Device memory for as long as the context lasts."""
    for number, array in enumerate(arrays):
        table.add(array.ctypes.data, array.nbytes, f"array {number}")
    try:
        yield
    finally:
        for array in arrays:
            if array.nbytes:
                table.remove(array.ctypes.data)


def aligned(count: int, type_: str | type | np.dtype = np.uint32, alignment: int = 256) -> np.ndarray:
    """Zeros at an address that is a multiple of `alignment`."""
    size = np.dtype(type_).itemsize * count
    raw = np.zeros(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size].view(type_)


def launch(
    kernel: LoadedKernel,
    arguments: Sequence[np.ndarray | int],
    *,
    grid: tuple[int, ...] = (1,),
    block: tuple[int, ...] = (32,),
    shared: int = 0,
    mode: Mode = CHECKED,
) -> Counters:
    """Launch with arrays (as pointers) and integers; every array is device memory meanwhile."""
    parameters = bytearray(kernel.parameter_bytes)
    for place, argument in zip(kernel.parameters, arguments, strict=True):
        number = argument.ctypes.data if isinstance(argument, np.ndarray) else argument
        content = (number & (1 << 8 * place.size) - 1).to_bytes(place.size, "little")
        parameters[place.offset : place.offset + place.size] = content
    three = ((*grid, 1, 1)[:3], (*block, 1, 1)[:3])
    with allocated(*(a for a in arguments if isinstance(a, np.ndarray))):
        return kernel.launch(*three, shared, bytes(parameters), mode)


def load(text: str, target: Target | None = None) -> LoadedKernel:
    """The only kernel of a module; the version and target lines are added."""
    loaded = module.load(HEADER + text, "test.ptx", target=target)
    (kernel,) = loaded.kernels.values()
    return kernel


def run(text: str, *arguments: np.ndarray | int, target: Target | None = None, **options: object) -> Counters:
    """Load one kernel and launch it."""
    return launch(load(text, target), arguments, **options)  # type: ignore[arg-type]


# --- one instruction over many values -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """`form d.., s..`: types of destinations and sources; a source that is no type is taken as it stands.

    `template` is for operands in another arrangement: `"{op} {d0}|{d1}, {s0}, {s1};"`.
    """

    form: str
    destinations: tuple[str, ...]
    sources: tuple[str, ...]
    template: str = ""

    def text(self, destinations: Sequence[str], sources: Sequence[str]) -> str:
        if self.template:
            names = {f"d{i}": name for i, name in enumerate(destinations)}
            names |= {f"s{i}": name for i, name in enumerate(sources)}
            return self.template.format(op=self.form, **names)
        return f"{self.form} {', '.join((*destinations, *sources))};"


def evaluate(
    cases: Sequence[Case], values: Sequence[np.ndarray], path: str = "lanes", target: Target | None = None
) -> list[list[np.ndarray]]:
    """Per case and destination, the bits written for each value, as uint64.

    `values[i]` holds the bits of source i, for all cases; `active` tells which values the masked paths let through.
    """
    count = len(values[0])
    per_block = 1 if path in BY_BLOCK else BLOCK
    total = -(-count // per_block) * per_block
    places = _places(cases, total)
    output = aligned(max(place.start + place.bytes for place in places.values()), np.uint8)
    columns = [_column(column, total) for column in (active(count), *values)]
    kernel = load(_kernel(cases, len(values), path, places), target)
    threads = 8 if path == "guarded_uniform" else per_block
    launch(kernel, [output, *columns], grid=(total // per_block,), block=(threads,))
    return [
        [places[number, i].read(output)[:count] for i in range(len(case.destinations))]
        for number, case in enumerate(cases)
    ]


def active(count: int) -> np.ndarray:
    """Which values the masked paths let through: irregular, but with runs longer than a warp of either kind."""
    index = np.arange(count)
    return ((index * 2654435761 >> 7) % 3 != 0) ^ (index // 70 % 5 == 2) | (index // 200 % 4 == 3)


def sentinel(type_: str) -> int:
    """What the masked paths put into a destination beforehand."""
    return 1 if type_ == "pred" else _SENTINEL & (1 << 8 * BYTES[type_]) - 1


def _column(values: np.ndarray, total: int) -> np.ndarray:
    column = aligned(total, np.uint64)
    column[: len(values)] = values
    column[len(values) :] = values[-1] if len(values) else 0
    return column


# --- results: several go out with one store, as stores are most of a small kernel's code --------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a result is stored: `of` elements of `size` bytes side by side; a predicate is a word."""

    start: int
    size: int
    position: int
    of: int
    total: int

    @property
    def bytes(self) -> int:
        return self.size * self.of * self.total

    def read(self, output: np.ndarray) -> np.ndarray:
        raw = output[self.start : self.start + self.bytes].view(f"u{self.size}")
        return raw.reshape(self.total, self.of)[:, self.position].astype(np.uint64)


def _places(cases: Sequence[Case], total: int) -> dict[tuple[int, int], _Place]:
    """By case and destination. Predicates and numbers of one size stand together, so far as a store goes."""
    results = [(number, i, type_) for number, case in enumerate(cases) for i, type_ in enumerate(case.destinations)]
    places, start = {}, 0
    for size, most in ((2, 4), (4, 4), (8, 2)):
        alike = [(number, i) for number, i, type_ in results if BYTES[type_] == size]
        for first in range(0, len(alike), most):
            together = alike[first : first + most]
            of = 1 << (len(together) - 1).bit_length()
            for position, key in enumerate(together):
                places[key] = _Place(start, size, position, of, total)
            start += -(-size * of * total // 16) * 16
    return places


# --- the kernel ---------------------------------------------------------------------------------------------------


def _kernel(cases: Sequence[Case], sources: int, path: str, places: dict[tuple[int, int], _Place]) -> str:
    lines = ["mov.u32 %t, %tid.x;", "mov.u32 %c, %ctaid.x;", "mov.u32 %n, %ntid.x;", "ld.param.u64 %out, [out];"]
    lines += ["mov.u32 %i, %c;" if path in BY_BLOCK else "mad.lo.u32 %i, %c, %n, %t;", "mul.wide.u32 %at8, %i, 8;"]
    for size in (2, 4, 8, 16):
        lines += [f"mul.wide.u32 %a, %i, {size};", f"add.u64 %o{size}, %out, %a;"]
    lines += ["ld.param.u64 %a, [selected];", "add.u64 %a, %a, %at8;", "ld.global.u32 %r, [%a];"]
    if path == "guarded_uniform":  # a predicate of the lanes that has this value in the lane that is looked at
        lines += ["xor.b32 %r, %r, %t;", "and.b32 %r, %r, 1;"]
    lines += ["setp.ne.u32 %go, %r, 0;", "setp.eq.u32 %first, %t, 0;"]
    for number in range(sources):
        lines += [f"ld.param.u64 %a, [s{number}];", "add.u64 %a, %a, %at8;", f"ld.global.b64 %v{number}, [%a];"]
    body: list[str] = []
    types: set[tuple[int, str]] = set()
    for number, case in enumerate(cases):
        body += _instruction(case, number, path, types)
    for number, type_ in sorted(types):
        lines += _as_type(number, type_)
    declared = [f".reg .b64 %v<{sources}>;", ".reg .pred %go, %first;", ".reg .b32 %t, %c, %n, %i, %r;"]
    declared += [".reg .b64 %out, %a, %at8, %o2, %o4, %o8, %o16;"]
    declared += [f".reg .{type_} %s{number}_{type_};" for number, type_ in sorted(types)]
    declared += [
        f".reg .{type_} %d{n}_{i};" for n, case in enumerate(cases) for i, type_ in enumerate(case.destinations)
    ]
    body += _stores(cases, places, "@%first " if path == "guarded_uniform" else "")
    parameters = ", ".join(f".param .u64 {name}" for name in ("out", "selected", *(f"s{i}" for i in range(sources))))
    return f".visible .entry k({parameters})\n{{\n" + "\n".join([*declared, *lines, *body, "ret;"]) + "\n}\n"


def _as_type(number: int, type_: str) -> list[str]:
    """A source in a register of its type."""
    name = f"%s{number}_{type_}"
    if type_ == "pred":
        return [f"cvt.u32.u64 %r, %v{number};", f"setp.ne.u32 {name}, %r, 0;"]
    if type_ in ("b64", "f64"):
        return [f"mov.b64 {name}, %v{number};"]
    if type_ == "f32":
        return [f"cvt.u32.u64 %r, %v{number};", f"mov.b32 {name}, %r;"]
    return [f"cvt.u{8 * BYTES[type_]}.u64 {name}, %v{number};"]


def _instruction(case: Case, number: int, path: str, types: set[tuple[int, str]]) -> list[str]:
    destinations = [f"%d{number}_{i}" for i in range(len(case.destinations))]
    sources, position = [], 0
    for source in case.sources:
        if source in BYTES:
            types.add((position, source))
            sources.append(f"%s{position}_{source}")
            position += 1
        else:
            sources.append(source)
    instruction = case.text(destinations, sources)
    if path in ("lanes", "uniform"):
        return [instruction]
    preset = [_preset(type_, name) for type_, name in zip(case.destinations, destinations, strict=True)]
    if path == "divergent":
        return [*preset, f"@!%go bra skip{number};", instruction, f"skip{number}:"]
    return [*preset, f"@%go {instruction}"]


def _preset(type_: str, name: str) -> str:
    if type_ == "pred":
        return f"setp.eq.u32 {name}, 0, 0;"
    prefix = {"f32": "0f", "f64": "0d"}.get(type_, "0x")
    bits = sentinel(type_)
    return f"mov.{type_} {name}, {prefix}{bits:0{2 * BYTES[type_]}X};"


def _stores(cases: Sequence[Case], places: dict[tuple[int, int], _Place], guard: str) -> list[str]:
    lines = []
    stores: dict[int, list[tuple[_Place, str]]] = {}
    for (number, i), place in places.items():
        name = f"%d{number}_{i}"
        if cases[number].destinations[i] == "pred":
            lines += [f".reg .b32 %b{number}_{i};", f"selp.b32 %b{number}_{i}, 1, 0, {name};"]
            name = f"%b{number}_{i}"
        stores.setdefault(place.start, []).append((place, name))
    for start, some in stores.items():
        place, names = some[0][0], [name for _, name in some]
        names += names[-1:] * (place.of - len(names))
        vector, value = (f".v{place.of}", f"{{{', '.join(names)}}}") if place.of > 1 else ("", names[0])
        lines.append(f"{guard}st.global{vector}.b{8 * place.size} [%o{place.size * place.of}+{start}], {value};")
    return lines
