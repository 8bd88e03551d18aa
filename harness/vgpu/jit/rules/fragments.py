"""Which element of a matrix each lane holds in which register: fragment layouts as data.

mma's layouts are those of PTX ISA, Warp Level Matrix Instructions, "Matrix Fragments for mma.*"; m8n8k4 of f16 is
written there for each quarter of the warp. All others follow one rule, with lane = 4 * group + member:

- A: register j holds `per` elements of row `group` (odd j of the 16-row shapes: `group + 8`), at column
  `block * 4 * per + member * per`, where block counts the registers of a row;
- B: register j holds `per` elements of column `group`, from row `j * 4 * per + member * per`;
- C, D: elements 2j and 2j + 1 are in row `group + 8 * j`, columns `2 * member` and `2 * member + 1`.

wmma's fragments are opaque (PTX ISA, "Matrix Fragments for WMMA"); here they are mma fragments of 16 x 8, 8 x 8 tiles
side by side, which is also what GPUs since sm_75 hold. f16 multiplicands have 8 registers whatever the shape: the
surplus ones repeat the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from harness.vgpu.jit.emitter import LANES

# elements in one register; b1 counts words of 32 bits
PER_REGISTER = {"f16": 2, "bf16": 2, "tf32": 1, "f64": 1, "f32": 1, "s32": 1, "s8": 4, "u8": 4, "e4m3": 4, "e5m2": 4,
                "s4": 8, "u4": 8, "b1": 1}  # fmt: skip
ELEMENT_BYTES = {"f16": 2, "bf16": 2, "tf32": 4, "f64": 8, "f32": 4, "s32": 4, "s8": 1, "u8": 1}

Place = tuple[int, int, int]  # which of several products, row, column


@dataclass(frozen=True, slots=True)
class Shape:
    m: int
    n: int
    k: int

    @staticmethod
    def of(text: str) -> Shape:
        """`m16n8k16`."""
        m, rest = text[1:].split("n")
        n, k = rest.split("k")
        return Shape(int(m), int(n), int(k))


@dataclass(frozen=True, slots=True)
class Fragment:
    """`places[slot][lane]` is the element that a lane holds; slots count from the first register's low bits."""

    places: tuple[tuple[Place, ...], ...]
    per_register: int

    @property
    def registers(self) -> int:
        return len(self.places) // self.per_register


def _fragment(slots: int, per: int, place: Callable[[int, int], Place]) -> Fragment:
    return Fragment(tuple(tuple(place(slot, lane) for lane in range(LANES)) for slot in range(slots)), per)


@cache
def multiplicand_a(rows: int, columns: int, type_: str) -> Fragment:
    """Rows in tiles of 16 (or 8, where there are only 8): tile by tile."""
    per = PER_REGISTER[type_]
    columns = columns // 32 if type_ == "b1" else columns
    tile = min(rows, 16)
    in_column = tile // 8
    in_tile = in_column * columns // (4 * per)

    def place(slot: int, lane: int) -> Place:
        register, element = divmod(slot, per)
        number, register = divmod(register, in_tile)
        block, half = divmod(register, in_column)
        return 0, number * tile + lane // 4 + 8 * half, (block * 4 + lane % 4) * per + element

    return _fragment(rows // tile * in_tile * per, per, place)


@cache
def multiplicand_b(rows: int, columns: int, type_: str) -> Fragment:
    """Columns in tiles of 8."""
    per = PER_REGISTER[type_]
    rows = rows // 32 if type_ == "b1" else rows
    in_tile = rows // (4 * per)

    def place(slot: int, lane: int) -> Place:
        register, element = divmod(slot, per)
        number, block = divmod(register, in_tile)
        return 0, (block * 4 + lane % 4) * per + element, number * 8 + lane // 4

    return _fragment(columns // 8 * in_tile * per, per, place)


@cache
def accumulator(rows: int, columns: int, type_: str) -> Fragment:
    """Tiles of 16 x 8 (or 8 x 8), rows of tiles first."""
    tile_rows = min(rows, 16)
    in_tile, across = tile_rows // 8 * 2, columns // 8

    def place(slot: int, lane: int) -> Place:
        number, index = divmod(slot, in_tile)
        down, right = divmod(number, across)
        return 0, down * tile_rows + lane // 4 + index // 2 * 8, right * 8 + lane % 4 * 2 + index % 2

    return _fragment(rows // tile_rows * across * in_tile, PER_REGISTER[type_], place)


# --- m8n8k4 of f16: four products, each held by eight lanes: 4q .. 4q + 3 and 16 + 4q .. 16 + 4q + 3 ---------------


def _thread(lane: int) -> tuple[int, int]:
    """Which product, and the lane's number among its eight."""
    return lane % 16 // 4, lane % 4 + 4 * (lane // 16)


@cache
def quarter_a(layout: str) -> Fragment:
    def place(slot: int, lane: int) -> Place:
        product, thread = _thread(lane)
        return (product, thread, slot) if layout == "row" else (product, slot + thread // 4 * 4, thread % 4)

    return _fragment(4, 2, place)


@cache
def quarter_b(layout: str) -> Fragment:
    def place(slot: int, lane: int) -> Place:
        product, thread = _thread(lane)
        return (product, slot, thread) if layout == "col" else (product, thread % 4, slot + thread // 4 * 4)

    return _fragment(4, 2, place)


@cache
def quarter_accumulator(type_: str) -> Fragment:
    def place(slot: int, lane: int) -> Place:
        product, thread = _thread(lane)
        if type_ == "f16":
            return product, thread, slot
        row = (thread & 1) + (slot & 2) + (thread & 4)
        return product, row, (slot & 4) + (thread & 2) + (slot & 1)

    return _fragment(8, PER_REGISTER[type_], place)
