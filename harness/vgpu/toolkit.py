"""Where CUDA's programs are, and an nvcc for programs that ask it for machine code.

PyCUDA's `SourceModule` (and with it gpuarray, elementwise and reduction kernels) compiles to a cubin, which holds
nothing that the vgpu can run. On the vgpu the `nvcc` that such programs find first is a wrapper: asked for a cubin, it
makes a fatbinary with the same machine code and the PTX, under the cubin's name. The driver loads either.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from functools import cache
from pathlib import Path

from harness.vgpu.cache import cache_directory, publish

MARK = "fuseproof"  # in the wrapper's version, so that nobody's cache confuses the two

_WRAPPER = '''#!{python} -S
"""nvcc for programs that run on the vgpu: a fatbinary with PTX in the place of a cubin."""

import os
import subprocess
import sys

NVCC = {nvcc!r}
arguments = sys.argv[1:]


def value_of(names):
    for position, text in enumerate(arguments):
        for name in names:
            if text == name:
                taken = arguments[position + 1]
                del arguments[position : position + 2]
                return taken
            if text.startswith(name + "="):
                del arguments[position]
                return text[len(name) + 1 :]
    return None


if "--version" in arguments:
    sys.stdout.flush()
    status = subprocess.call([NVCC, *arguments])
    print({mark!r})
    sys.exit(status)
wanted = [text for text in ("--cubin", "-cubin") if text in arguments]
if wanted:
    arguments = ["--fatbin" if text in wanted else text for text in arguments]
    architecture = value_of(["-arch", "--gpu-architecture"])
    if architecture and architecture.startswith("sm_"):
        number = architecture[3:]
        arguments += ["-gencode", f"arch=compute_{{number}},code=[sm_{{number}},compute_{{number}}]"]
    elif architecture:
        arguments += ["-arch", architecture]
    if not any(text in ("-o", "--output-file") for text in arguments):
        source = next(text for text in arguments if text.endswith((".cu", ".c", ".cpp")))
        arguments += ["-o", os.path.splitext(os.path.basename(source))[0] + ".cubin"]
os.execv(NVCC, [NVCC, *arguments])
'''


@cache
def find(program: str) -> str | None:
    """A program of the toolkit: of its wheels, else of $CUDA_HOME, else on PATH; never the wrapper."""
    package = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (package and package.submodule_search_locations) or ()]
    wheels = [str(found) for folder in folders for found in sorted(folder.glob(f"*/bin/{program}"), reverse=True)]
    home = os.environ.get("CUDA_HOME")
    path = os.pathsep.join(p for p in os.environ.get("PATH", "").split(os.pathsep) if Path(p) != _folder())
    candidates = [*wheels, *([os.path.join(home, "bin", program)] if home else []), shutil.which(program, path=path)]
    return next((found for found in candidates if found and os.access(found, os.X_OK)), None)


def put_wrapper_first() -> None:
    """Let programs in this process, and those they start, find the wrapper; nothing where there is no nvcc."""
    nvcc = find("nvcc")
    if nvcc is None:
        return
    wrapper, folder = _folder() / "nvcc", str(_folder())
    text = _WRAPPER.format(python=sys.executable, nvcc=nvcc, mark=MARK).encode()
    if not wrapper.exists() or wrapper.read_bytes() != text:
        publish(wrapper, text)
    search = os.environ.get("PATH", "").split(os.pathsep)
    if search[0] != folder:
        os.environ["PATH"] = os.pathsep.join([folder, *(p for p in search if p != folder)])


def _folder() -> Path:
    return cache_directory() / "bin"
