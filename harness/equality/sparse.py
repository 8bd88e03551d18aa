"""Huge tensors that cost next to no memory: the same few megabytes, mapped again and again.

In: values of one period, and a shape. Out: a tensor on the CPU that holds them over and over; or one that is full of
poison, and of which each page takes memory only once it is written. For the vgpu, whose device memory is the host's.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
from collections.abc import Sequence
from typing import Any

import torch

from harness.equality.poison import Pattern, PoisonedEmpties, poison
from harness.errors import FuseproofError

# bytes; a tensor of 2^33 bytes takes 1025 of the 65530 mappings that Linux gives a process. No power of 2: an index
# that is off by 2^32 must find other numbers
PERIOD = 2047 * mmap.PAGESIZE
LARGE = 1 << 28  # elements: above, a tensor is mapped

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_FIXED = 0x10  # MAP_FIXED of mman.h, as MAP_NORESERVE below: mmap's module does not have them on every Python
_NO_RESERVE = 0x4000


def repeated(period: torch.Tensor, shape: Sequence[int], *, own_pages: bool = False) -> torch.Tensor:
    """`period` over and over. With `own_pages` a page that is written becomes the tensor's own; else nothing may be."""
    size = math.prod(shape) * period.element_size()
    content = period.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    if len(content) != PERIOD:
        raise FuseproofError(f"a repeated tensor's period has {PERIOD} bytes, not {len(content)}")
    space = mmap.mmap(-1, -(-size // PERIOD) * PERIOD, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    file = os.memfd_create("fuseproof-period")
    try:
        os.write(file, content)
        start = ctypes.addressof(ctypes.c_char.from_buffer(space))
        access = mmap.PROT_READ | mmap.PROT_WRITE if own_pages else mmap.PROT_READ
        for offset in range(0, len(space), PERIOD):
            kind = (mmap.MAP_PRIVATE | _NO_RESERVE) if own_pages else mmap.MAP_SHARED
            if _libc.mmap(start + offset, PERIOD, access, kind | _FIXED, file, 0) != start + offset:
                raise FuseproofError(f"the system maps no {size} bytes: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(file)
    return torch.frombuffer(space, dtype=period.dtype, count=math.prod(shape)).view(*shape)


class SparseEmpties(PoisonedEmpties):
    """Poisoned memory; a tensor too large to allocate takes memory only where it is written."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not self.makes_empty(func):
            return func(*args, **(kwargs or {}))
        meta = func(*args, **{**(kwargs or {}), "device": torch.device("meta")})
        if meta.numel() < LARGE or not meta.is_contiguous():
            return super().__torch_dispatch__(func, types, args, kwargs)
        period = torch.empty(PERIOD // meta.element_size(), dtype=meta.dtype)
        poison(period, Pattern.NAN)
        return repeated(period, meta.shape, own_pages=True)
