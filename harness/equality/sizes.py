"""Sizes at which kernels break: 1, a prime, and the neighbours of what a kernel works in.

In: the widths of a vector, a warp and a block. Out: sizes for an axis of a sweep.
"""

from __future__ import annotations

WARP = 32


def edge_sizes(*, vector: int, block: int) -> tuple[int, ...]:
    """The first is a middle size that vectors fit and blocks do not: where families of inputs are tried."""
    around = (middle for width in (vector, WARP, block) for middle in (width - 1, width, width + 1))
    primes = (2, 13, 1021)
    return tuple(dict.fromkeys((vector * 33, 1, *around, *primes)))
