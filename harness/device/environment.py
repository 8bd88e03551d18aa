"""What a run ran on: versions and hardware, as plain text, the same at every run on one machine.

In: the open device. Out: a mapping for `Run.environment`. Neither times nor host names enter it: two runs on the vgpu
must write the same bytes.
"""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from harness.compiler import find_nvcc, nvcc_version
from harness.device.opened import Device

_PACKAGES = ("fuseproof", "torch", "pycuda", "numpy", "llvmlite")


def environment(device: Device) -> dict[str, str]:
    """Versions by name, the CPU, on a GPU its driver, and the settings that change numbers."""
    captured = {name: _version(name) for name in _PACKAGES}
    captured["python"] = platform.python_version()
    captured["nvcc"] = nvcc_version(find_nvcc())
    captured["cpu"] = _cpu()
    captured["tf32"] = "off"
    if device.kind == "cuda":
        captured["gpu driver"] = _gpu_driver()
    return captured


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _gpu_driver() -> str:
    import pycuda.driver

    version = pycuda.driver.get_driver_version()
    return f"CUDA {version // 1000}.{version % 1000 // 10}"
