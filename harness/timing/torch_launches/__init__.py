"""Torch operators as launches: what PyTorch's CUDA backend would put on a GPU for code that runs on CPU tensors."""

from harness.timing.torch_launches.mode import torch_launches
from harness.timing.torch_launches.table import NoRule

__all__ = ["NoRule", "torch_launches"]
