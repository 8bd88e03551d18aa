"""CUDA C++ to a fatbinary: one translation unit a source file and scalar type, cached on disk.

In: a .cu file and the kernels wanted from it, as C++ expressions ("bias_gelu<__half>"). Out: a `Unit`: a fatbinary
with machine code and PTX for the device at hand, and each kernel's symbol, parameters and, as ptxas says, resources.

nvcc runs as its own process rather than through `pycuda.compiler.compile`, which copies the source to another name
(errors and `-lineinfo` would point there) and runs the preprocessor once more at every start to look up its cache.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from harness.entries import Entry, Parameter, entries_of
from harness.errors import FuseproofError
from harness.resources import Resources, parse
from harness.vgpu import toolkit
from harness.vgpu.cache import cache_directory, publish, read

OPTIONS = ("-O3", "-std=c++17", "-lineinfo", "--no-compress", "-Xptxas", "-v")
_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
_LOCATION = re.compile(r"^(?P<file>[^\s(]+)\((?P<line>\d+)\): error", re.MULTILINE)


class CompileError(FuseproofError):
    """nvcc is missing, or refused a source."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A compiled translation unit: `entries` by the C++ expression that named the kernel, `resources` by its symbol."""

    source: Path
    fatbin: bytes
    entries: dict[str, Entry]
    resources: dict[str, Resources] = field(default_factory=dict)


def compile_unit(source: Path, expressions: Sequence[str], capability: tuple[int, int]) -> Unit:
    """Compile the named kernels of `source` for GPUs of `capability`, or take the unit from the cache."""
    nvcc = find_nvcc()
    arch = "".join(map(str, capability))
    options = (*OPTIONS, "-gencode", f"arch=compute_{arch},code=[sm_{arch},compute_{arch}]")
    key = _key(source, expressions, options, nvcc_version(nvcc))
    kept = cache_directory() / "units" / f"{source.stem}-{key}"
    fatbin, record = read(kept.with_suffix(".fatbin")), read(kept.with_suffix(".json"))
    if fatbin is None or record is None:
        fatbin, record = _build(nvcc, source, expressions, options, kept)
    rows = json.loads(record)
    entries = {name: _entry(row) for name, row in rows["entries"].items()}
    return Unit(source, fatbin, entries, {name: Resources(**row) for name, row in rows["resources"].items()})


def find_nvcc() -> Path:
    """nvcc of the toolkit's wheels, else of $CUDA_HOME, else on PATH."""
    if nvcc := toolkit.find("nvcc"):
        return Path(nvcc)
    raise CompileError(
        "nvcc was not found: install the wheels with `pip install 'cuda-toolkit[nvcc]'`, or set CUDA_HOME"
    )


@lru_cache(maxsize=1)
def nvcc_version(nvcc: Path) -> str:
    """The build, such as "13.0, V13.0.88"."""
    text = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False).stdout
    release = re.search(r"release (.+)", text)
    return release.group(1).strip() if release else "unknown"


def translation_unit(source: Path, expressions: Sequence[str]) -> str:
    """The source, included so that nvcc reports its own lines, and one variable a kernel.

    A pointer to a kernel instantiates its template, and the variable's initialiser in the PTX names the symbol.
    """
    variables = [
        f'extern "C" __device__ const auto fuseproof_entry_{number} = &{expression};\n'
        for number, expression in enumerate(expressions)
    ]
    return f'#include "{source}"\n' + "".join(variables)


def sources_of(source: Path) -> list[Path]:
    """The source and every file that it includes by a quoted name, directly or not. System headers go by version."""
    if not source.exists():
        raise CompileError(f"no CUDA source at {source}: a Kernel's path is relative to the Python file that makes it")
    seen, waiting = [], [source]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.append(path)
            names = _INCLUDE.findall(path.read_text())
            waiting += [near for name in names if (near := (path.parent / name).resolve()).exists()]
    return sorted(seen)


def _build(
    nvcc: Path, source: Path, expressions: Sequence[str], options: Sequence[str], kept: Path
) -> tuple[bytes, bytes]:
    """Run nvcc in a folder of its own and keep what it made: the fatbinary, and the record of its kernels."""
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "unit.cu"
        unit.write_text(translation_unit(source, expressions))
        fatbin = unit.with_suffix(".fatbin")
        command = [str(nvcc), "--fatbin", *options, "--keep", "--keep-dir", folder, str(unit), "-o", str(fatbin)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode != 0:
            raise CompileError(_complaint(source, expressions, done.stdout + done.stderr))
        entries = {name: asdict(entry) for name, entry in _entries(unit, expressions).items()}
        resources = {name: asdict(taken) for name, taken in parse(done.stdout + done.stderr).items()}
        content, record = fatbin.read_bytes(), json.dumps({"entries": entries, "resources": resources}).encode()
    publish(kept.with_suffix(".json"), record)
    publish(kept.with_suffix(".fatbin"), content)
    return content, record


def _entries(unit: Path, expressions: Sequence[str]) -> dict[str, Entry]:
    found = entries_of(unit.with_suffix(".ptx").read_text())
    named = {expression: found.get(f"fuseproof_entry_{number}") for number, expression in enumerate(expressions)}
    if missing := [expression for expression, entry in named.items() if entry is None]:
        raise CompileError(f"{', '.join(missing)}: declared without __global__, so there is no kernel to launch")
    return {expression: entry for expression, entry in named.items() if entry}


def _entry(row: dict) -> Entry:
    return Entry(row["symbol"], tuple(Parameter(**parameter) for parameter in row["parameters"]))


def _complaint(source: Path, expressions: Sequence[str], text: str) -> str:
    text = text.strip()
    if at := _LOCATION.search(text):
        line = at["line"] if not at["file"].endswith("unit.cu") else None
        where = f"{at['file']}:{line}" if line else f"{source}, in one of {', '.join(expressions)}"
    else:
        where = str(source)
    return f"nvcc refused {where}\n{text or 'nvcc said nothing; is a C++ compiler installed?'}"


def _key(source: Path, expressions: Sequence[str], options: Sequence[str], version: str) -> str:
    """A digest of everything that the unit depends on: sources with the headers they include, options, compiler."""
    parts = [str(source), version, *options, *expressions]
    parts += [f"{path}\n{path.read_text()}" for path in sources_of(source)]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
