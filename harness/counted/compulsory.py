"""The bytes that a function cannot but move: every input read once, every output written once.

In: a function's inputs and outputs. Out: bytes, in whole sectors, for memory moves no less. What two inputs share
counts once, and of a view the sectors that hold its elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from harness.vgpu.counters.record import SECTOR_BYTES


def compulsory_bytes(inputs: Any, outputs: Any) -> int | None:
    """None where an output lies in the memory of an input: how much of that must be read is not to be seen."""
    read, written = _memory(inputs), _memory(outputs)
    if read.keys() & written.keys():
        return None
    return sum(read.values()) + sum(written.values())


def _memory(values: Any) -> dict[int, int]:
    """Bytes by the address of the storage that they lie in."""
    found: dict[int, list[Any]] = {}
    for tensor in tensors(values):
        if tensor.numel():
            found.setdefault(tensor.untyped_storage().data_ptr(), []).append(tensor)
    return {address: SECTOR_BYTES * _sectors(sharing) for address, sharing in found.items()}


def _sectors(sharing: Sequence[Any]) -> int:
    """How many the tensors of one storage touch together."""
    first = sharing[0]
    if len(sharing) == 1 and first.is_contiguous():
        start = first.storage_offset() * first.element_size()
        end = start + first.numel() * first.element_size()
        return -(-end // SECTOR_BYTES) - start // SECTOR_BYTES
    count = -(-first.untyped_storage().nbytes() // SECTOR_BYTES)
    touched = first.new_zeros(count * SECTOR_BYTES, dtype=torch.bool)
    for tensor in sharing:
        _bytes_of(tensor, touched).fill_(True)
    return int(touched.view(count, SECTOR_BYTES).any(1).sum())


def _bytes_of(tensor: Any, storage: Any) -> Any:
    """The bytes that a tensor lies in, as a view of as many flags as its storage has bytes."""
    size = tensor.element_size()
    shape = [1 if stride == 0 else length for length, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    strides = [size * stride for stride in tensor.stride()]
    return storage.as_strided((*shape, size), (*strides, 1), size * tensor.storage_offset())


def tensors(values: Any) -> Iterator[Any]:
    """Every tensor in nested sequences and mappings."""
    if hasattr(values, "untyped_storage"):
        yield values
    elif isinstance(values, dict):
        yield from tensors(list(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from tensors(value)
