"""What the tests of instruction families share: run PTX on arrays, and one instruction over many values at once."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from harness.vgpu.run import module
from harness.vgpu.run.allocations import table
from harness.vgpu.run.kernel import LoadedKernel
from harness.vgpu.run.mode import Mode

HEADER = ".version 9.0\n.target sm_90a\n.address_size 64\n"
CHECKED = Mode(checked=True, counted=False, workers=1)
THREADS = 48  # a full warp and half a one
TYPES = {"h": "b16", "r": "b32", "d": "b64", "f": "f32", "x": "f64", "p": "pred"}
AS_64 = {"h": "cvt.u64.u16 %wide, {0};", "r": "cvt.u64.u32 %wide, {0};", "d": "mov.b64 %wide, {0};",
         "f": "mov.b32 %low, {0}; cvt.u64.u32 %wide, %low;", "x": "mov.b64 %wide, {0};",
         "p": "selp.u64 %wide, 1, 0, {0};"}  # fmt: skip
FROM_64 = {"h": "cvt.u16.u64 {0}, {1};", "r": "cvt.u32.u64 {0}, {1};", "d": "mov.b64 {0}, {1};",
           "f": "cvt.u32.u64 %low, {1}; mov.b32 {0}, %low;", "x": "mov.b64 {0}, {1};",
           "p": "cvt.u32.u64 %low, {1}; setp.ne.u32 {0}, %low, 0;"}  # fmt: skip


def aligned(count: int, type_: object = np.uint64, alignment: int = 256) -> np.ndarray:
    """Zeros at an address that is a multiple of `alignment`."""
    size = np.dtype(type_).itemsize * count
    raw = np.zeros(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size].view(type_)


@contextlib.contextmanager
def _allocated(arrays: Sequence[np.ndarray]) -> Iterator[None]:
    for number, array in enumerate(arrays):
        table.add(array.ctypes.data, array.nbytes, f"array {number}")
    try:
        yield
    finally:
        for array in arrays:
            if array.nbytes:
                table.remove(array.ctypes.data)


def launch(kernel: LoadedKernel, *arguments: np.ndarray | int, grid: int = 1, block: int = 32, shared: int = 0,
           mode: Mode = CHECKED) -> None:  # fmt: skip
    """Launch with arrays (as pointers) and integers; arrays are device memory meanwhile."""
    parameters = bytearray(kernel.parameter_bytes)
    for place, argument in zip(kernel.parameters, arguments, strict=True):
        number = argument.ctypes.data if isinstance(argument, np.ndarray) else argument
        content = (number & (1 << 8 * place.size) - 1).to_bytes(place.size, "little")
        parameters[place.offset : place.offset + place.size] = content
    with _allocated([a for a in arguments if isinstance(a, np.ndarray)]):
        kernel.launch((grid, 1, 1), (block, 1, 1), shared, bytes(parameters), mode)


def load(text: str) -> LoadedKernel:
    """The only kernel of a module; a header is added where there is none."""
    (kernel,) = module.load(text if ".version" in text else HEADER + text, "test.ptx").kernels.values()
    return kernel


@pytest.fixture(name="zeros")
def _zeros() -> Callable[..., np.ndarray]:
    return aligned


@pytest.fixture(name="run")
def _run() -> Callable[..., None]:
    """run(ptx, *arguments, grid=, block=, shared=): load the only kernel and launch it."""
    return lambda text, *arguments, **options: launch(load(text), *arguments, **options)


@cache
def _nvcc() -> Path | None:
    """nvcc of the CUDA wheels; None where they are not installed."""
    spec = find_spec("nvidia")
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((nvcc for folder in folders if (nvcc := Path(folder) / "cu13" / "bin" / "nvcc").exists()), None)


@cache
def _ptx(source: str, arch: str) -> str:
    nvcc = _nvcc()
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    command = [str(nvcc), "-x", "cu", "-std=c++17", f"-arch=compute_{arch}", "-ptx", "-o", "-", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="cuda")
def _cuda() -> Callable[[str, str], dict[str, Callable[..., None]]]:
    """cuda(source, "80"): compile CUDA C++ with nvcc; its kernels, to call as `run` is called."""

    def compile_(source: str, arch: str) -> dict[str, Callable[..., None]]:
        kernels = module.load(_ptx(source, arch), "test.ptx").kernels
        return {name: partial(launch, kernel) for name, kernel in kernels.items()}

    return compile_


@pytest.fixture(params=["lanes", "uniform"])
def evaluate(request: pytest.FixtureRequest) -> Callable[..., list[list[np.ndarray]]]:
    """evaluate([(instruction, destinations, sources), ...], columns): per instruction and destination the bits.

    An instruction names its operands {d0}, {s0}, ...; types are letters of TYPES. Values of lanes differ, or are the
    same in the whole warp, which the engine computes once.
    """
    return lambda cases, columns: _evaluate(cases, columns, uniform=request.param == "uniform")


def _evaluate(
    cases: Sequence[tuple[str, str, str]], columns: Sequence[np.ndarray], uniform: bool
) -> list[list[np.ndarray]]:
    count = len(columns[0])
    per_block = 1 if uniform else THREADS
    blocks = -(-count // per_block)
    total = blocks * per_block
    sources = []
    for column in columns:
        source = aligned(total)
        source[:count] = np.asarray(column).astype(np.uint64)
        sources.append(source)
    results = sum(len(destinations) for _, destinations, _ in cases)
    output = aligned(results * total)
    text = _kernel(cases, len(columns), uniform, 8 * total)
    launch(load(text), output, *sources, grid=blocks, block=32 if uniform else THREADS)
    rows = iter(output.reshape(results, total)[:, :count])
    return [[next(rows) for _ in destinations] for _, destinations, _ in cases]


def _kernel(cases: Sequence[tuple[str, str, str]], sources: int, uniform: bool, stride: int) -> str:
    lines = [".reg .b64 %out, %at, %a, %wide;", ".reg .b32 %low, %i, %t, %c;", f".reg .b64 %v<{sources}>;",
             "ld.param.u64 %out, [out];", "mov.u32 %c, %ctaid.x;", "mov.u32 %t, %tid.x;",
             "mov.u32 %i, %c;" if uniform else f"mad.lo.u32 %i, %c, {THREADS}, %t;",
             "mul.wide.u32 %at, %i, 8;", "add.u64 %out, %out, %at;"]  # fmt: skip
    for number in range(sources):
        lines += [f"ld.param.u64 %a, [s{number}];", "add.u64 %a, %a, %at;", f"ld.global.b64 %v{number}, [%a];"]
    place = 0
    for instruction, destinations, types in cases:
        lines.append("{")
        names = {}
        for i, letter in enumerate(types):
            names[f"s{i}"] = f"%x{i}"
            lines += [f".reg .{TYPES[letter]} %x{i};", FROM_64[letter].format(f"%x{i}", f"%v{i}")]
        for i, letter in enumerate(destinations):
            names[f"d{i}"] = f"%y{i}"
            lines.append(f".reg .{TYPES[letter]} %y{i};")
        operands = ", ".join(f"{{{name}}}" for name in (*(f"d{i}" for i in range(len(destinations))),
                                                        *(f"s{i}" for i in range(len(types)))))  # fmt: skip
        text = instruction if "{" in instruction else f"{instruction} {operands};"
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        lines.append(text)
        for i, letter in enumerate(destinations):
            lines += [AS_64[letter].format(f"%y{i}"), f"st.global.b64 [%out+{place * stride}], %wide;"]
            place += 1
        lines.append("}")
    parameters = ", ".join([".param .u64 out", *(f".param .u64 s{i}" for i in range(sources))])
    return HEADER + f".visible .entry k({parameters})\n{{\n" + "\n".join([*lines, "ret;"]) + "\n}\n"
