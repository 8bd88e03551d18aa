"""Inputs that a fused function writes into: a cache that grows by one position, a buffer that is given to it.

In: the names of the arguments that a suite declares (`writes=`). Out: the outputs that lie in their memory, copied out
of it, and the memory as it was before. A function returns what it writes, as a view of the argument, so that the
reference returns the same tensors; whatever else of the argument it changed is still there afterwards, and shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from harness.equality.tensors import map_tensors

Snapshots = dict[int, torch.Tensor]  # by the address of a storage: what it held, as bytes


def is_written(argument: str, writes: Iterable[str]) -> bool:
    """Whether the tensor of that name, "keys" or "keys[1]", belongs to an argument that may be written."""
    return argument.partition("[")[0] in writes


def snapshots(tensors: Sequence[tuple[str, torch.Tensor]], writes: Sequence[str]) -> Snapshots:
    """The memory of every argument that may be written."""
    return {
        tensor.untyped_storage().data_ptr(): memory(tensor).clone()
        for name, tensor in tensors
        if is_written(name, writes)
    }


def taken_out(outputs: Any, before: Snapshots) -> Any:
    """The same outputs, with a copy for each that lies in written memory; there is what was before it."""

    def take(output: torch.Tensor) -> torch.Tensor:
        snapshot = before.get(output.untyped_storage().data_ptr())
        return output if snapshot is None else output.clone()

    def restore(output: torch.Tensor) -> torch.Tensor:
        snapshot = before.get(output.untyped_storage().data_ptr())
        return output if snapshot is None else output.copy_(same_place(output, snapshot))

    taken = map_tensors(take, outputs)
    map_tensors(restore, outputs)
    return taken


def memory(tensor: torch.Tensor) -> torch.Tensor:
    """The memory of a tensor, as bytes."""
    return torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())


def same_place(tensor: torch.Tensor, snapshot: torch.Tensor) -> torch.Tensor:
    """The elements of a snapshot that lie where a tensor's lie in its own memory."""
    empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return empty.set_(snapshot.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride())
