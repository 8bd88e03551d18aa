"""What a launch costs besides its work: compiling, loading from the cache, and going through PyCUDA.

Each is measured in processes of their own, whose caches are what the question asks for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from tests.benchmarks.spread import Spread

ROOT = Path(__file__).parents[2]
# the shipped kernels with the most code: every vector width and length that their launching functions choose
SHIPPED = {
    "kernels/normalization/bias_residual_layer_norm.cu": (
        "bias_residual_layer_norm<__half, 8, 4, false>", "bias_residual_layer_norm<float, 4, 8, false>",
        "bias_residual_layer_norm_long<__half, 8, false>",
    ),
    "kernels/attention/masked_softmax.cu": (
        "masked_softmax<__half, 8, 4, BlockPerRow>", "masked_softmax<float, 4, 8, BlockPerRow>",
        "masked_softmax_long<__half, 8>",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds and microseconds; `largest` is the shipped kernel that took longest to compile."""

    largest: str
    cold_ms: Spread
    cold_cpu_ms: Spread  # the same without the time that other processes had the core
    warm_ms: Spread
    warm_cpu_ms: Spread
    launch_us: Spread
    launch_counted_us: Spread


def measure(repeats: int) -> Costs:
    with tempfile.TemporaryDirectory() as folder:
        ptx = _shipped_ptx(Path(folder))
        cold, warm, largest = [], [], ""
        for number in range(repeats):
            cache = Path(folder) / f"cache-{number}"
            times = _child("compile", cache, *map(str, ptx))
            largest = max(times, key=lambda name: times[name])
            cold.append(times[largest])
            warm.append(_child("compile", cache, *map(str, ptx))[largest])
        launches = [_child("launch", Path(folder) / "cache") for _ in range(repeats)]
    return Costs(
        largest.removesuffix(".ptx"),
        *(Spread.of(1e3 * times[clock] for times in found) for found in (cold, warm) for clock in (0, 1)),
        Spread.of(1e6 * times["fast"] for times in launches), Spread.of(1e6 * times["counted"] for times in launches),
    )  # fmt: skip


def _shipped_ptx(folder: Path) -> list[Path]:
    """One file a kernel, so that its parsing is measured and no other's."""
    from harness.compiler import find_nvcc

    found = []
    for source, expressions in SHIPPED.items():
        for number, expression in enumerate(expressions):
            unit = folder / f"{Path(source).stem}-{number}.cu"
            unit.write_text(
                f'#include "{ROOT / source}"\nextern "C" __device__ const auto entry = &{expression};\n'
            )  # a pointer to a kernel instantiates its template
            found.append(folder / f"{expression}.ptx")
            command = [str(find_nvcc()), "-arch=compute_75", "-std=c++17", "-O3", "-lineinfo", "-ptx"]
            subprocess.run([*command, str(unit), "-o", str(found[-1])], check=True)
    return found


def _child(what: str, cache: Path, *arguments: str) -> dict:
    command = [sys.executable, "-m", "tests.benchmarks.costs", what, *arguments]
    environment = {**os.environ, "FUSEPROOF_CACHE": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return json.loads(done.stdout)


# --- in the child ---------------------------------------------------------------------------------------------------


def _compile(paths: list[str]) -> dict[str, tuple[float, float]]:
    """Seconds, by the wall's clock and of CPU time, from PTX text to code that can be called, for each file. LLVM and the C library are loaded before."""
    from harness.vgpu.jit import compile as jit
    from harness.vgpu.run import native
    from harness.vgpu.run.module import load

    native.lib()
    load(_EMPTY, "empty.ptx").kernels["empty"].prepare()
    assert jit.host()
    times = {}
    for path in paths:
        text = Path(path).read_text()
        start, busy = perf_counter(), process_time()
        for kernel in load(text, path).kernels.values():
            kernel.prepare()
        times[Path(path).name] = perf_counter() - start, process_time() - busy
    return times


_EMPTY = (
    ".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry empty(.param .u64 out, .param .u32 n)\n{\nret;\n}\n"
)
LAUNCHES = 300


def _launch() -> dict[str, float]:
    """Seconds of one launch of an empty kernel, of many in a row, as a PyCUDA program makes them."""
    import harness.vgpu
    from harness.vgpu.run.mode import Mode

    gpu = harness.vgpu.open("T4")
    import pycuda.autoinit  # noqa: F401
    import pycuda.driver as cuda

    function = cuda.module_from_buffer(_EMPTY.encode() + b"\0").get_function("empty")
    function.prepare("Pi")
    times = {}
    for name, mode in (("fast", Mode(checked=False, counted=False)), ("counted", Mode())):
        with gpu.using(mode):
            best = []
            for _ in range(5):
                start = perf_counter()
                for _ in range(LAUNCHES):
                    function.prepared_call((1, 1), (32, 1, 1), 0, 1)
                best.append((perf_counter() - start) / LAUNCHES)
            times[name] = sorted(best)[len(best) // 2]
    return times


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    print(json.dumps(_compile(given) if what == "compile" else _launch()))
