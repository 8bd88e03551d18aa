"""The device that kernels run on: a CUDA GPU, or the virtual one; chosen by a short text, opened once a process."""

from harness.device.opened import Device, current, open_device
from harness.device.spec import DeviceSpec, default_spec, parse_spec

__all__ = ["Device", "DeviceSpec", "current", "default_spec", "open_device", "parse_spec"]
