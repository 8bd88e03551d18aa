"""What a torch operator puts on a GPU: kernels, matrix products, copies and fills, before they have a time.

Made by the rules from an operator's arguments and result; turned into activities of the clock by `charge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.vgpu.activity import Direction, Extent

MatrixPath: TypeAlias = Literal["fp32", "tensor"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Memory traffic of a kernel: each byte of DRAM once, 32-byte sectors and warp requests as issued."""

    dram_read: int = 0
    dram_write: int = 0
    sectors_read: int = 0
    sectors_written: int = 0
    load_requests: int = 0
    store_requests: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.dram_read + other.dram_read,
            self.dram_write + other.dram_write,
            self.sectors_read + other.sectors_read,
            self.sectors_written + other.sectors_written,
            self.load_requests + other.load_requests,
            self.store_requests + other.store_requests,
        )


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel whose instructions (of a warp, by class) are estimated from what each element needs.

    `load_rounds` and `waits` are of one warp: how often it waits for global memory (0: not known, so as many as its
    loads take with the GPU's requests in flight), and for shared memory or a barrier.
    """

    name: str
    grid: Extent
    block: Extent
    traffic: Traffic
    instructions: dict[str, int] = field(default_factory=dict)
    registers: int = 32
    shared_bytes: int = 0
    load_rounds: int = 0
    waits: int = 0


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """`batch` products of m x k by k x n, one kernel of cuBLAS or a fused attention kernel."""

    name: str
    path: MatrixPath
    m: int
    n: int
    k: int
    batch: int
    item_bytes: int
    dram_bytes: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A memcpy; `waits` where the host waits for it."""

    direction: Direction
    nbytes: int
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Memset:
    """A memset."""

    nbytes: int


Launch: TypeAlias = Kernel | MatrixProduct | Copy | Memset
_LANES = 32


def flops(launch: Launch) -> int:
    """Arithmetic on floating-point numbers: of a product exactly, of a kernel as its instructions estimate."""
    match launch:
        case MatrixProduct():
            return 2 * launch.m * launch.n * launch.k * launch.batch
        case Kernel():
            return _LANES * (launch.instructions.get("fp32", 0) + launch.instructions.get("sfu", 0))
    return 0


def dram_bytes(launch: Launch) -> int:
    """Bytes that must come from DRAM or go there; a copy on the device reads and writes."""
    match launch:
        case MatrixProduct():
            return launch.dram_bytes
        case Kernel():
            return launch.traffic.dram_read + launch.traffic.dram_write
        case Copy():
            return launch.nbytes * (2 if launch.direction == "D2D" else 1)
    return launch.nbytes
