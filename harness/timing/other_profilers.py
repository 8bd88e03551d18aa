"""Finds other profilers that watch this process: CUDA serves one at a time.

In: the process' environment, its loaded libraries, torch's state. Out: names for people. CUPTI takes one subscriber, so
that next to another tool torch.profiler may see no kernel at all; what it does see has the other's cost in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.timeline.injection.library import VARIABLE, other_tool
from harness.timeline.schema import Finding

_VARIABLES = {
    "NSYS_PROFILING_SESSION_ID": "Nsight Systems",
    "CUDA_INJECTION64_PATH": "the tool of CUDA_INJECTION64_PATH",  # CUDA driver API, tools injection
}
_LIBRARIES = {
    "libToolsInjection": "Nsight Systems",
    "libInterceptorInjectionTarget": "Nsight Compute",
    "libTreeLauncherTargetInjection": "Nsight Compute",
    "libcuinj64": "nvprof",
    "libsanitizer-collection": "compute-sanitizer",
}


def other_profilers() -> list[str]:
    """Those that can be seen from inside."""
    return found(os.environ, Path("/proc/self/maps").read_text(), torch_active=torch_profiler_active())


def found(environment: Mapping[str, str], maps: str, *, torch_active: bool) -> list[str]:
    """The same, of given evidence."""
    names = [tool for variable, tool in _VARIABLES.items() if environment.get(variable)]
    names += [tool for library, tool in _LIBRARIES.items() if library in maps]
    if other_tool(environment):
        names.append(f"the tool of {VARIABLE}")
    if torch_active:
        names.append("a torch.profiler")
    return list(dict.fromkeys(names))


def finding(names: list[str]) -> tuple[Finding, ...]:
    """What a timeline that was recorded beside others says."""
    if not names:
        return ()
    sentence = (
        f"{', '.join(names)} watched this process too: CUDA serves one profiler at a time, so operations may be "
        "missing, and times contain the other's cost"
    )
    return (Finding("another profiler", len(names), sentence),)


def torch_profiler_active() -> bool:
    """Whether a torch.profiler or an autograd profiler is recording on this thread."""
    import torch

    return bool(torch.autograd._profiler_enabled())
