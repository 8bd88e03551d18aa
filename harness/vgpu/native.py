"""Small C libraries that the vgpu needs, compiled once with the host's C compiler and kept in the cache.

In: C sources of this package. Out: the path of a shared library, named by the hash of everything that went into it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.vgpu.cache import cache_directory, publish
from harness.vgpu.errors import VgpuError

FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-pthread", "-Wall")
X86 = ("-mpopcnt",)  # every x86 CPU that has AVX2, which compiled kernels need, counts bits in one instruction


def compiler() -> str:
    """The host's C compiler. Raises VgpuError where there is none."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    raise VgpuError("no C compiler found: install gcc (Debian and Ubuntu: apt-get install g++) or set CC")


def shared_library(name: str, sources: Sequence[Path], headers: Sequence[Path] = (), flags: Sequence[str] = ()) -> Path:
    """Compile `sources` to `lib<name>.so`, unless the cache has the result of the same input."""
    flags = (*FLAGS, *(X86 if platform.machine() in ("x86_64", "AMD64") else ()), *flags)
    digest = hashlib.sha256(" ".join((compiler(), *flags)).encode())
    for path in (*sources, *headers):
        digest.update(path.read_bytes())
    target = cache_directory() / "native" / digest.hexdigest()[:20] / f"lib{name}.so"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / target.name
        command = [compiler(), *flags, *map(str, sources), "-o", str(output), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise VgpuError(f"the C compiler could not build lib{name}.so:\n{' '.join(command)}\n{done.stderr}")
        publish(target, output.read_bytes())
    return target
