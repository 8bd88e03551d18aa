"""CUB's device-wide algorithms, as PyTorch calls them: radix sort, scan, select, reduce, run-length encode.

Which kernels run is read from CUB's dispatch layer (cub/device/dispatch/: dispatch_radix_sort.cuh Invoke,
InvokeOnesweep, InvokePasses and the policies of tuning_radix_sort.cuh; dispatch_scan.cuh; dispatch_select_if.cuh;
dispatch_reduce.cuh; dispatch_reduce_by_key.cuh), reached through aten/src/ATen/cuda/cub.cuh.
"""

from __future__ import annotations

from math import ceil

from harness.timing.torch_launches.launch import Launch, Memset
from harness.timing.torch_launches.sweep import sweep
from harness.vgpu.gpus import Gpu

SOURCE = "aten/src/ATen/cuda/cub.cuh"
_TILE_THREADS, _TILE_ITEMS = 256, 19  # SingleTilePolicy, for items of four bytes
_ONESWEEP_BITS, _RADIX_DIGITS, _ONESWEEP_TILE = 8, 256, 384 * 21
_MANY_PASSES_BITS = 7  # Policy700's PRIMARY_RADIX_BITS
_SEGMENTED_BITS = 6  # SEGMENTED_RADIX_BITS of keys wider than a byte
_REDUCE_TILE = 256 * 16


def radix_sort(items: int, key: int, value: int, gpu: Gpu, *, bits: int | None = None) -> list[Launch]:
    """Sort `items` keys of `key` bytes with values of `value` bytes by `bits` bits: one tile, one sweep, or passes."""
    if items == 0:
        return []
    bits = bits or 8 * key
    widest = max(key, value, 4)
    moved = items * (key + value)
    if items <= _TILE_THREADS * max(1, _TILE_ITEMS * 4 // widest):
        tile = (_TILE_THREADS, 1, 1)
        name = "DeviceRadixSortSingleTileKernel"
        return sweep(name, items, read=moved, written=moved, integers=40 * bits // 8, grid=(1, 1, 1), block=tile)
    if gpu.compute_capability >= (8, 0) or key >= 4:
        return _onesweep(items, key, moved, ceil(bits / _ONESWEEP_BITS), gpu)
    passes = ceil(bits / _MANY_PASSES_BITS)
    return [launch for _ in range(passes) for launch in _three_kernels(items, key, moved)]


def _onesweep(items: int, key: int, moved: int, passes: int, gpu: Gpu) -> list[Launch]:
    blocks = ceil(items / _ONESWEEP_TILE)
    histogram = sweep(
        "DeviceRadixSortHistogramKernel", items, read=items * key, integers=8 * passes, grid=(gpu.sms, 1, 1)
    )
    digits = passes * _RADIX_DIGITS
    sums = sweep("DeviceRadixSortExclusiveSumKernel", digits, read=8 * digits, written=8 * digits, grid=(passes, 1, 1))
    once: list[Launch] = [
        Memset(4 * _RADIX_DIGITS * blocks),
        *sweep(
            "DeviceRadixSortOnesweepKernel", items, read=moved, written=moved, integers=40, grid=(blocks, 1, 1),
            block=(384, 1, 1),
        ),
    ]  # fmt: skip
    return [Memset(4 * passes), Memset(8 * digits), *histogram, *sums, *(once * passes)]


def _three_kernels(items: int, key: int, moved: int) -> list[Launch]:
    spine = 4 * (1 << _MANY_PASSES_BITS)
    return [
        *sweep("DeviceRadixSortUpsweepKernel", items, read=items * key, written=spine, integers=12),
        *sweep("RadixSortScanBinsKernel", spine, read=spine, written=spine, grid=(1, 1, 1)),
        *sweep("DeviceRadixSortDownsweepKernel", items, read=moved, written=moved, integers=40),
    ]


def segmented_sort(items: int, segments: int, key: int, value: int) -> list[Launch]:
    """One block a segment, one kernel for each six bits of the key."""
    moved = items * (key + value)
    kernel = sweep(
        "DeviceSegmentedRadixSortKernel", items, read=moved, written=moved, integers=60, grid=(segments, 1, 1),
        block=(256, 1, 1),
    )  # fmt: skip
    return kernel * ceil(8 * key / _SEGMENTED_BITS)


def scan(items: int, read: int, written: int, *, by_key: bool = False) -> list[Launch]:
    """A prefix sum in one pass, after a kernel that clears its state."""
    name = "DeviceScanByKey" if by_key else "DeviceScan"
    tiles = ceil(items / (128 * 15))
    return [
        *sweep(f"{name}InitKernel", tiles, written=8 * tiles, each=1),
        *sweep(f"{name}Kernel", items, read=read, written=written, integers=10, fp32=2, each=15),
    ]


def reduce(items: int, read: int) -> list[Launch]:
    """Partial results a block, then one block; a small input is one block alone."""
    last = "DeviceReduceSingleTileKernel"
    if items <= _REDUCE_TILE:
        return sweep(last, items, read=read, written=4, grid=(1, 1, 1), block=(256, 1, 1))
    blocks = ceil(items / _REDUCE_TILE)
    return [
        *sweep("DeviceReduceKernel", items, read=read, written=4 * blocks, block=(256, 1, 1), each=16),
        *sweep(last, blocks, read=4 * blocks, written=4, grid=(1, 1, 1), block=(256, 1, 1)),
    ]


def select(items: int, read: int, written: int) -> list[Launch]:
    """Flagged or unique items, moved together."""
    return _compact("DeviceSelectSweepKernel", items, read, written)


def encode(items: int, read: int, written: int) -> list[Launch]:
    """Lengths of runs (a reduction by key)."""
    return _compact("DeviceReduceByKeyKernel", items, read, written)


def _compact(name: str, items: int, read: int, written: int) -> list[Launch]:
    tiles = ceil(items / (128 * 10))
    return [
        *sweep("DeviceCompactInitKernel", tiles, written=8 * tiles, each=1),
        *sweep(name, items, read=read, written=written, integers=14, each=10),
    ]
