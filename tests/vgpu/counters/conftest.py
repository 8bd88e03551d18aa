"""The kernels of patterns.cu, launched on NumPy arrays in count mode."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from harness.vgpu import toolkit
from harness.vgpu.counters.record import Counters
from harness.vgpu.run import module
from harness.vgpu.run.mode import Mode
from tests.vgpu.jit.ptx_bench import aligned, launch

SOURCE = Path(__file__).with_name("patterns.cu")
COUNTED = Mode(checked=True, counted=True, by_line=True, workers=1)


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """All of them, by name."""
    target = tmp_path_factory.mktemp("counters") / "patterns.ptx"
    options = ("-std=c++17", "-O3", "-lineinfo", "-arch=compute_75", "--extended-lambda")
    subprocess.run([toolkit.find("nvcc"), *options, "-ptx", SOURCE, "-o", target], check=True)
    return module.load(target.read_text(), "patterns.ptx").kernels


@pytest.fixture(scope="session")
def count(kernels) -> Callable[..., Counters]:
    """count("copy", out, in, 1, grid=(4,), block=(256,)): its counters."""

    def counted(name: str, *arguments: np.ndarray | int, mode: Mode = COUNTED, **shape: object) -> Counters:
        return launch(kernels[name], arguments, mode=mode, **shape)

    return counted


@cache
def line_of(text: str) -> int:
    """The line of patterns.cu that holds this text; one does."""
    (number,) = [number for number, line in enumerate(SOURCE.read_text().splitlines(), 1) if text in line]
    return number


def words(count: int, type_: str = "float32") -> np.ndarray:
    """Zeros, 256-byte aligned."""
    return aligned(count, np.dtype(type_))


def mode(**changes: object) -> Mode:
    return replace(COUNTED, **changes)
