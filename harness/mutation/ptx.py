"""CUDA C++ to PTX, for many mutants: no machine code, no line numbers, and one text a kernel to compare.

In: a source, possibly of an overlay, and kernels as C++ expressions. Out: a `Unit` that the vgpu loads, and a
fingerprint of each kernel: two kernels with the same one compute the same.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.compiler import CompileError, Unit, find_nvcc, translation_unit
from harness.entries import entries_of

OPTIONS = ("-O3", "-std=c++17", "-include", "cuda_fp16.h", "-diag-suppress", "177")
_ENTRY = re.compile(r"^(?:\.\w+ )*\.entry ([\w$]+)\(.*?^}\n", re.MULTILINE | re.DOTALL)
_FUNCTION = re.compile(r"^(?:\.\w+ )*\.func .*?^}\n", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(
    r"^(?:\.\w+ )*\.(?:global|const|shared)\b[^;=]*?([\w$]+)(?:\[\d*\])*(?: =[^;]*)?;", re.MULTILINE | re.DOTALL
)
_LABEL = re.compile(r"\$L__BB\d+_")
_COMMUTATIVE = re.compile(
    r"^(\s*(?:@!?%\w+ )?(?:add|mul|max|min|and|or|xor|fma|mad)\.[\w.:]+\s+[^,]+, )([^,;]+), ([^,;]+)", re.MULTILINE
)
_SYMBOL = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True, slots=True)
class Compiled:
    """`fingerprints` by C++ expression."""

    unit: Unit
    fingerprints: dict[str, str]


def compile_ptx(source: Path, expressions: Sequence[str], capability: tuple[int, int]) -> Compiled:
    """Compile these kernels. Raises CompileError with nvcc's first complaint."""
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "unit.cu"
        unit.write_text(translation_unit(source, expressions))
        arch = f"compute_{''.join(map(str, capability))}"
        command = [str(find_nvcc()), "--ptx", *OPTIONS, "-arch", arch, "unit.cu", "-o", "unit.ptx"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode != 0:
            raise CompileError(_complaint(done.stdout + done.stderr))
        text = unit.with_suffix(".ptx").read_text()
    found = entries_of(text)
    entries = {name: found[f"fuseproof_entry_{number}"] for number, name in enumerate(expressions)}
    prints = fingerprints(text)
    return Compiled(
        Unit(source, text.encode(), entries), {name: prints[entry.symbol] for name, entry in entries.items()}
    )


def fingerprints(ptx: str) -> dict[str, str]:
    """A digest by kernel: of its text and of whatever else of the module it may name.

    Numbers in labels are those of the kernel within its file, and left out; so is the order of the two operands of an
    addition, a product, a maximum: `a + b` is `b + a`.
    """
    entries = {match[1]: match[0] for match in _ENTRY.finditer(ptx)}
    rest = _ENTRY.sub("", ptx)
    functions, variables = _FUNCTION.findall(rest), {match[1]: match[0] for match in _VARIABLE.finditer(rest)}
    found = {}
    for name, body in entries.items():
        named = set(_SYMBOL.findall("".join([body, *functions])))
        module = [*functions, *(text for variable, text in variables.items() if variable in named)]
        normal = _COMMUTATIVE.sub(_sorted_operands, _LABEL.sub("$L_", body))
        found[name] = hashlib.blake2b("\0".join([*module, normal]).encode(), digest_size=16).hexdigest()
    return found


def _sorted_operands(match: re.Match[str]) -> str:
    return match[1] + ", ".join(sorted([match[2], match[3]]))


def _complaint(text: str) -> str:
    """The first error, without the names of temporary folders."""
    line = next((line for line in text.splitlines() if "error" in line), text.strip())
    return re.sub(r"/\S*/", "", line).strip()
