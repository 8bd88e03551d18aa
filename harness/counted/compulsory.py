"""The bytes that a function cannot but move: every input read once, every output written once.

In: a function's inputs and outputs. Out: bytes, in whole sectors, for memory moves no less. Memory that two inputs
share counts once; of a view only as much as it has elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.vgpu.counters.record import SECTOR_BYTES


def compulsory_bytes(inputs: Any, outputs: Any) -> int | None:
    """None where an output lies in the memory of an input: how much of that must be read is not to be seen."""
    read, written = _memory(inputs), _memory(outputs)
    if read.keys() & written.keys():
        return None
    return sum(read.values()) + sum(written.values())


def _memory(values: Any) -> dict[int, int]:
    """Bytes by the address of the storage that they lie in."""
    found: dict[int, int] = {}
    for tensor in tensors(values):
        storage = tensor.untyped_storage()
        used = min(storage.nbytes(), tensor.numel() * tensor.element_size())
        found[storage.data_ptr()] = max(found.get(storage.data_ptr(), 0), used)
    return {address: -(-used // SECTOR_BYTES) * SECTOR_BYTES for address, used in found.items() if used}


def tensors(values: Any) -> Iterator[Any]:
    """Every tensor in nested sequences and mappings."""
    if hasattr(values, "untyped_storage"):
        yield values
    elif isinstance(values, dict):
        yield from tensors(list(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from tensors(value)
