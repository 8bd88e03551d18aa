"""The lines of a kernel's source that cost most.

In: a `Kernel`. Out: `CostlyLine`s, the costliest first: by the clocks of an SM that they take at least, where it issues
four warp instructions, gets two sectors from L2 and makes one wavefront a clock. Lines of CUDA's own headers count for
the line that calls them; a line that was inlined at two places is two lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from harness.counted.kernels import Kernel
from harness.vgpu import toolkit
from harness.vgpu.counters.record import LineCounters
from harness.vgpu.counters.total import added
from harness.vgpu.ptx.program import SourceLine


@dataclass(frozen=True, slots=True)
class CostlyLine:
    """`text` is the line as it stands in its file or, of a helper in another file, the line that calls it; empty where
    there is no such file. `share` is what it has of the clocks of all lines."""

    counters: LineCounters
    text: str
    share: float

    @property
    def where(self) -> str:
        """`vector.cuh:31 in bias_gelu.cu:20`: the line, and the one of another file that calls it."""
        source = self.counters.source
        if source is None:
            return "no line"
        return f"{_place(source)} in {_place(source.inlined_at)}" if source.inlined_at else _place(source)


def costly_lines(kernel: Kernel) -> list[CostlyLine]:
    """All of them, in order."""
    merged = _merged(kernel.counters.lines)
    whole = sum(map(_clocks, merged))
    lines = [CostlyLine(line, _text(line.source), _clocks(line) / whole if whole else 0.0) for line in merged]
    return sorted(lines, key=lambda line: -line.share)


# of an SM, every GPU since Volta: four schedulers; 64 bytes a clock from L2 (Jia et al., arXiv:1804.06826 and
# arXiv:1903.07486); 32 banks of 4 bytes (CUDA C++ Programming Guide)
INSTRUCTIONS_A_CLOCK, SECTORS_A_CLOCK, WAVEFRONTS_A_CLOCK = 4, 2, 1


def _clocks(line: LineCounters) -> float:
    return max(
        line.instructions / INSTRUCTIONS_A_CLOCK, line.sectors / SECTORS_A_CLOCK, line.wavefronts / WAVEFRONTS_A_CLOCK
    )


def _merged(lines: Iterable[LineCounters]) -> list[LineCounters]:
    """By the line and the one of another file that calls it, whoever calls that."""
    found: dict[SourceLine | None, list[LineCounters]] = {}
    for line in lines:
        found.setdefault(_own(line.source), []).append(line)
    return [added(source, parts) for source, parts in found.items()]


def _own(source: SourceLine | None) -> SourceLine | None:
    """Without CUDA's headers inside it, and with one caller at most: the first in another file."""
    while source and source.inlined_at and _is_cuda_s(source.file):
        source = source.inlined_at
    if source is None:
        return None
    caller = source.inlined_at
    while caller and caller.file == source.file:
        caller = caller.inlined_at
    return replace(source, inlined_at=caller and replace(caller, inlined_at=None))


@cache
def _is_cuda_s(file: str) -> bool:
    nvcc = toolkit.find("nvcc")
    return nvcc is not None and Path(file).resolve().is_relative_to(Path(nvcc).resolve().parents[1])


def _place(source: SourceLine) -> str:
    return f"{Path(source.file).name}:{source.line}"


def _text(source: SourceLine | None) -> str:
    source = source and (source.inlined_at or source)
    lines = _lines_of(source.file) if source else ()
    return lines[source.line - 1].strip() if source and 0 < source.line <= len(lines) else ""


@lru_cache(maxsize=64)
def _lines_of(path: str) -> tuple[str, ...]:
    file = Path(path)
    return tuple(file.read_text(errors="replace").splitlines()) if file.is_file() else ()
