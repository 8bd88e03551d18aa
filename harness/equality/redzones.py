"""Red zones: memory around every buffer that a function gets, which nothing may write.

In: tensors. Out: the same values between two zones, and afterwards which zones are damaged. For devices that do not
check accesses; the vgpu knows the exact bounds of every buffer and needs none.
"""

from __future__ import annotations

import torch

from harness.equality.poison import Pattern, PoisonedEmpties

ZONE = 512  # bytes: as torch aligns on a GPU, so that a kernel finds the alignment that it would have without zones
_BYTE = 0xA5


class RedZones:
    """The buffers of one call."""

    def __init__(self) -> None:
        self._buffers: list[tuple[str, torch.Tensor, int]] = []  # name, memory, bytes between the zones

    def around(self, tensor: torch.Tensor, name: str) -> torch.Tensor:
        """An uninitialised tensor of the same shape, strides and dtype, between two zones."""
        size = _span(tensor) * tensor.element_size()
        aligned = -(-size // 16) * 16
        buffer = torch.full((ZONE + aligned + ZONE,), _BYTE, dtype=torch.uint8, device=tensor.device)
        self._buffers.append((name, buffer, size))
        body = buffer[ZONE : ZONE + aligned].view(tensor.dtype)
        return body.as_strided(tensor.shape, tensor.stride(), ZONE // tensor.element_size())

    def copy(self, tensor: torch.Tensor, name: str) -> torch.Tensor:
        """The same values between two zones."""
        return self.around(tensor, name).copy_(tensor)

    def damaged(self) -> str:
        """The first buffer beside which something was written, and on which side; "" where nothing was."""
        for name, buffer, size in self._buffers:
            if bool((buffer[:ZONE] != _BYTE).any()):
                return f"before {name}"
            behind = (buffer[ZONE + size :] != _BYTE).nonzero()
            if len(behind):
                return f"behind {name}, from byte {int(behind[0])} after its end"
        return ""


class ZonedEmpties(PoisonedEmpties):
    """Poisoned memory between red zones."""

    def __init__(self, zones: RedZones, pattern: Pattern) -> None:
        super().__init__(pattern)
        self.zones = zones

    def place(self, made: torch.Tensor) -> torch.Tensor:
        if made.numel() == 0 or made.is_complex():
            return made
        return self.zones.around(made, f"a buffer of {list(made.shape)} that it allocated")


def _span(tensor: torch.Tensor) -> int:
    """Elements from the first to the last one in memory."""
    if tensor.numel() == 0:
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
