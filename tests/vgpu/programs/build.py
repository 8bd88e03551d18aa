"""CUDA C++ to PTX with nvcc, in several ways, in the background and once: results are kept in fuseproof's cache.

In: a source and the name of a variant. Out: the PTX text.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.compiler import CompileError, find_nvcc, nvcc_version
from harness.vgpu.native import cache_directory, publish
from harness.vgpu.run.mode import FAST, Mode

TOGETHER = 2  # compilers that run at a time
EVERYWHERE = ("-std=c++17", "--extended-lambda", "-lineinfo", "-diag-suppress", "177")
_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Variant:
    """One way to compile, and the mode in which its kernels run, so that the matrix covers both."""

    options: tuple[str, ...]
    mode: Mode


VARIANTS = {
    "sm_75": Variant(("-O3", "-arch=compute_75"), Mode(checked=True, counted=True)),
    "sm_80": Variant(("-O3", "-arch=compute_80"), FAST),
    "sm_90": Variant(("-O3", "-arch=compute_90"), Mode(checked=True, counted=False, reverse=True)),
    "debug": Variant(("-G", "-arch=compute_80"), Mode(checked=True, counted=False)),
    "O0": Variant(("-Xcicc", "-O0", "-arch=compute_80"), Mode(checked=True, counted=False)),
}


@dataclass(frozen=True)
class Build:
    """A source to compile in one of the variants."""

    source: Path
    name: str

    @property
    def variant(self) -> Variant:
        return VARIANTS[self.name]

    def __str__(self) -> str:
        return f"{self.source.stem}-{self.name}"


def compiled(source: str, *variants: str) -> Callable:
    """Decorates a test: run it with the program of that name beside the test's file, once a variant."""
    folder = Path(inspect.stack()[1].filename).parent
    chosen = [Build(folder / f"{source}.cu", variant) for variant in variants or ("sm_80",)]
    return pytest.mark.parametrize("program", chosen, indirect=True, ids=str)


class Builds:
    """Compilations under way; leaving it gives up those that have not begun."""

    def __init__(self, wanted: Iterable[Build]) -> None:
        self._pool = ThreadPoolExecutor(TOGETHER)
        self._futures: dict[Build, Future[str]] = {build: self._pool.submit(ptx_of, build) for build in wanted}

    def __enter__(self) -> Builds:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def ptx(self, build: Build) -> str:
        """Wait for the PTX of a build. Raises CompileError."""
        return self._futures[build].result()


def ptx_of(build: Build) -> str:
    """The PTX, from the cache or from nvcc; of several processes that want it one compiles. Raises CompileError."""
    options = (*EVERYWHERE, *build.variant.options)
    parts = [nvcc_version(find_nvcc()), *options, *(path.read_text() for path in _with_includes(build.source))]
    key = hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
    kept = cache_directory() / "programs" / f"{build}-{key}.ptx"
    kept.parent.mkdir(exist_ok=True)
    with open(kept.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            publish(kept, _compile(build.source, options))
    return kept.read_text()


def _compile(source: Path, options: tuple[str, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "program.ptx"
        command = [str(find_nvcc()), "--ptx", *options, str(source), "-o", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CompileError(f"nvcc refused {source}\n{done.stdout}{done.stderr}")
        return output.read_bytes()


def _with_includes(source: Path) -> list[Path]:
    near = [source.parent / name for name in _INCLUDE.findall(source.read_text())]
    return [source, *(path for path in near if path.exists())]
