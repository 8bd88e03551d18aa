"""The record of a run: what every table, file and gate reads. Plain frozen data, JSON in and out.

Units are in the names: `_us` microseconds, `_bytes` bytes. `source` says where times come from and is
carried by every record: "measured" (a GPU's clock) or "modelled" (the vgpu's virtual clock).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.results.counts import Counts

Source: TypeAlias = Literal["measured", "modelled"]
Side: TypeAlias = Literal["reference", "fused"]
Way: TypeAlias = Literal["eager", "graph", "compile"]  # called, replayed as a CUDA graph, under torch.compile


@dataclass(frozen=True, slots=True)
class KernelShare:
    """One kernel name within a profile."""

    name: str
    launches: int
    total_us: float


@dataclass(frozen=True, slots=True)
class Profile:
    """One variant (reference or fused) of one case inside its NVTX range. Definitions: docs/design.md, section 5."""

    range: str
    source: Source
    launches: int  # kernels put on the GPU (counted)
    submissions: int  # launch calls; a graph launch is one
    copies: int
    memsets: int
    host_us: float  # host range: from entering to leaving it
    wall_us: float  # from entering the range until the device has finished its work
    busy_us: float
    idle_us: float  # projected window - busy
    gaps: int
    largest_gap_us: float
    dram_bytes: int | None  # of the whole range; None where nothing counted them
    kernels: tuple[KernelShare, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of running the reference or the fused function of a case."""

    side: Side
    way: Way
    profile: Profile | None  # None where `reason` says why
    reason: str = ""  # "not capturable: …"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first bad element, with what was there."""

    output: str  # "output" or "output[1]" where a function returns several
    index: tuple[int, ...]
    expected: float  # the reference's value in the case's dtype
    got: float
    oracle: float  # the FP64 reference's value


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the fused outputs equal the reference's, by the policy of docs/design.md, section 5."""

    passed: bool
    reason: str  # one sentence when it failed, else ""
    max_abs: float  # infinite where NaN or an infinity stands in the wrong place
    max_rel: float  # this and ULPs: of the elements that are larger than the policy's floor
    max_ulp: float
    error: float  # max |fused - oracle|, worst output
    allowed: float  # 2 * naive error + floor, for that output
    mismatches: int
    first: Mismatch | None
    used: float = math.nan  # error / allowed of the tightest measure: largest element, norm or row; 1 is the limit
    hints: tuple[str, ...] = ()  # what the bad elements have in common
    notes: tuple[str, ...] = ()  # exceptions that the suite makes, with its reasons


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case of one suite."""

    suite: str
    case: str  # "fp16-b8-s128"
    axes: dict[str, int | str]
    dtype: str
    seed: int
    verdict: Verdict
    reference: Profile | None  # None when only equality was asked for, or equality failed
    fused: Profile | None
    family: str = ""  # of harness.equality.families; "" is what the suite makes by itself
    variants: tuple[Variant, ...] = ()  # further ways than the eager ones above
    launch_budget: int | None = None  # kernels that the fused function must launch; None where the suite does not say
    counts: Counts | None = None  # None when they were not asked for, or equality failed

    @property
    def id(self) -> str:
        return f"{self.suite}[{self.case}]"

    @property
    def every_variant(self) -> tuple[Variant, ...]:
        """All ways that were timed, the eager ones too: of the reference, then of the fused function."""
        eager = Variant("reference", "eager", self.reference), Variant("fused", "eager", self.fused)
        return tuple(
            variant
            for first in eager
            if first.profile
            for variant in (first, *(further for further in self.variants if further.side == first.side))
        )

    @property
    def wall_speedup(self) -> float | None:
        """reference / fused, wall time."""
        return self.speedup(self.fused, "wall_us")

    @property
    def busy_speedup(self) -> float | None:
        """reference / fused, device-busy time."""
        return self.speedup(self.fused, "busy_us")

    def speedup(self, profile: Profile | None, figure: Literal["wall_us", "busy_us"]) -> float | None:
        """The eager reference's time / that of a profile of this case."""
        if self.reference is None or profile is None:
            return None
        reference, other = getattr(self.reference, figure), getattr(profile, figure)
        return reference / other if reference and other else None


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one command produced."""

    device: str  # "vgpu:T4", "cuda:0"
    device_name: str  # "Tesla T4 (virtual)", "NVIDIA H100 80GB HBM3"
    source: Source
    environment: dict[str, str]
    results: tuple[CaseResult, ...]
