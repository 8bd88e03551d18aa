"""Figures of the operations that were launched inside a range.

In: operations and submissions of one range, host times. Out: a `Profile`, the record that tables read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.results.record import KernelShare, Profile, Source
from harness.timeline.gaps import gaps, idle
from harness.timeline.operation import Operation, window


def launched_by(operations: Iterable[Operation], correlations: Iterable[int]) -> list[Operation]:
    """The operations that the given calls submitted."""
    wanted = set(correlations)
    return [op for op in operations if op.correlation in wanted]


def summarise(
    name: str,
    source: Source,
    operations: Sequence[Operation],
    *,
    host_ns: float,
    wall_ns: float,
    dram_bytes: int | None,
    submissions: int | None = None,
) -> Profile:
    """The profile of one range. `submissions` are its launch calls, where they differ from its kernels (graphs)."""
    kernels = [op for op in operations if op.kind == "kernel"]
    covered = window(operations)
    found = gaps(operations, covered) if covered else []
    waiting = idle(operations, covered) if covered else 0
    return Profile(
        range=name,
        source=source,
        launches=len(kernels),
        submissions=len({op.correlation for op in kernels}) if submissions is None else submissions,
        copies=sum(op.kind == "memcpy" for op in operations),
        memsets=sum(op.kind == "memset" for op in operations),
        host_us=host_ns / 1e3,
        wall_us=wall_ns / 1e3,
        busy_us=((covered.length if covered else 0) - waiting) / 1e3,
        idle_us=waiting / 1e3,
        gaps=len(found),
        largest_gap_us=max((gap.length for gap in found), default=0) / 1e3,
        dram_bytes=dram_bytes,
        kernels=kernel_shares(kernels),
    )


def kernel_shares(kernels: Iterable[Operation]) -> tuple[KernelShare, ...]:
    """Launches and time by kernel name, the longest first."""
    by_name: dict[str, list[int]] = {}
    for kernel in kernels:
        by_name.setdefault(kernel.name, []).append(kernel.length)
    shares = [KernelShare(name, len(lengths), sum(lengths) / 1e3) for name, lengths in by_name.items()]
    return tuple(sorted(shares, key=lambda share: (-share.total_us, share.name)))


def total_dram_bytes(operations: Iterable[Operation]) -> int | None:
    """Bytes of all kernels; None where one of them is unknown."""
    known = [op.dram_bytes for op in operations if op.kind == "kernel"]
    return None if any(nbytes is None for nbytes in known) else sum(nbytes for nbytes in known if nbytes is not None)
