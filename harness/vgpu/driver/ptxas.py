"""What kernels take where a program brings PTX only: ptxas compiles it once, and the cubin tells.

In: PTX, a GPU. Out: `Usage` by kernel; empty where no ptxas is installed or it refuses. Kept in the cache.
"""

from __future__ import annotations

import functools
import hashlib
import subprocess
import tempfile
from pathlib import Path

from harness.vgpu import cache, toolkit
from harness.vgpu.driver import cubin
from harness.vgpu.gpus import Gpu


def usage(ptx: str, gpu: Gpu) -> dict[str, cubin.Usage]:
    """Usage of every kernel in the PTX, on the architecture that the GPU's code is compiled for."""
    program = toolkit.find("ptxas")
    if program is None:
        return {}
    architecture = "sm_{}{}".format(*max(gpu.compute_capability, gpu.compile_capability))
    key = hashlib.sha256("\0".join((_version(program), architecture, ptx)).encode()).hexdigest()[:32]
    kept = cache.cache_directory() / "ptxas" / f"{key}.cubin"
    content = cache.read(kept)
    if content is None:
        content = _compiled(program, ptx, architecture)
        cache.publish(kept, content)
    return cubin.usage(content) if content else {}


@functools.cache
def _version(program: str) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout


def _compiled(program: str, ptx: str, architecture: str) -> bytes:
    """The cubin; nothing where ptxas refuses the PTX, for the vgpu may know more of PTX than it."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(ptx, encoding="utf-8")
        command = [program, f"-arch={architecture}", str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, check=False)
        return target.read_bytes() if done.returncode == 0 else b""
