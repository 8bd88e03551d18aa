"""Small results of the device on their way to the host, without the host waiting for them.

In: a tensor of the device. Out: its values, an array in page-locked memory, once they have arrived: a copy behind all
work that was submitted before, and an event behind the copy. On the vgpu both are the virtual device's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from harness.device import current
from harness.errors import FuseproofError
from harness.kernel import storages_known


class Readback:
    """One copy under way. `values` hold what the tensor held when the copy was reached, after `arrived` or `wait`."""

    def __init__(self, tensor: torch.Tensor) -> None:
        vgpu = current().vgpu
        self.values, self._event = _on_vgpu(vgpu, tensor) if vgpu else _on_cuda(tensor)

    def arrived(self) -> bool:
        """Whether the copy has ended; the host does not wait."""
        return bool(self._event.query())

    def wait(self) -> None:
        """Until it has."""
        self._event.synchronize()


def _on_cuda(tensor: torch.Tensor) -> tuple[np.ndarray, Any]:
    values = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    values.copy_(tensor, non_blocking=True)
    event = torch.cuda.Event()
    event.record()
    return values.numpy(), event


def _on_vgpu(vgpu: Any, tensor: torch.Tensor) -> tuple[np.ndarray, Any]:
    import pycuda.driver

    if not tensor.is_contiguous():
        raise FuseproofError(f"a tensor with strides {tensor.stride()} is read back: make it contiguous")
    values = pycuda.driver.pagelocked_empty(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
    if tensor.numel():
        with storages_known(vgpu, (tensor,)):
            pycuda.driver.memcpy_dtoh_async(values, tensor.data_ptr())
    event = pycuda.driver.Event(pycuda.driver.event_flags.DISABLE_TIMING)
    event.record()
    return values, event
