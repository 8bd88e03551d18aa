"""The command line in a process of its own, in the folder of a project, and a kernel that such a project may have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRIPLED = """
__global__ void tripled(float* out, const float* in) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = 3.0f * in[i];
}
"""


def fuseproof_in(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the command printed, and its exit code; nothing but `environment` says where NVTX ranges go."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NVTX")}
    return subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])} | environment,
        check=False,
    )
