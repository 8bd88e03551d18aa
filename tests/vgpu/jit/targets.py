"""CPUs that code can be made for and that this host can run: the engine must give the same bits on all of them."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from harness.vgpu.jit.compile import host
from harness.vgpu.jit.target import Target

# name -> target, and the features of the host that its code needs
TARGETS = {
    "avx512": (Target("skylake-avx512", "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"), ("avx512f", "avx512vl")),
    "avx2": (Target("haswell", ""), ("avx2", "fma", "f16c", "bmi2")),
}


def target(name: str) -> Target:
    """Skips the test where the host cannot run such code."""
    if name == "host":
        return host()
    found, needs = TARGETS[name]
    features = llvm.get_host_cpu_features()
    if not all(features.get(feature, False) for feature in needs):
        pytest.skip(f"this CPU lacks one of {', '.join(needs)}")
    return found
