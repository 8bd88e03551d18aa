"""Compiled kernels: from PTX to machine code at an address, by way of the cache."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from harness.vgpu.jit import compile as jit
from harness.vgpu.jit.facts import Facts
from harness.vgpu.jit.frame import Site
from harness.vgpu.jit.lowering import lower
from harness.vgpu.jit.target import Target
from harness.vgpu.run.outline import Program


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled kernel: everything of it that can be kept on disk. `symbols` are the variables that it names."""

    object: bytes
    frame_bytes: int
    local_bytes: int
    sites: tuple[Site, ...]
    facts: tuple[Facts, ...]
    symbols: tuple[str, ...]
    spins: bool
    in_order: bool


_KEPT_AS = f"{Code.__module__}.{Code.__qualname__} {Code.__annotations__}"  # what a pickle of it depends on


def compiled(program: Program, kernel: str, target: Target, counts: bool = False) -> tuple[Code, int]:
    """The code of a kernel, or its code that counts, and the address in this process. Raises UnsupportedPtx."""
    key = jit.cache_key(program.text, kernel, _KEPT_AS, "counts" if counts else "", target=target)
    kept = jit.stored(key)
    if kept is None:
        code = _compile(program, kernel, target, counts, key)
    else:
        code = pickle.loads(kept)  # the cache is the user's own
    return code, jit.link(key, code.object)


def _compile(program: Program, kernel: str, target: Target, counts: bool, key: str) -> Code:
    lowered = lower(program.whole, program.whole.functions[kernel], target, counts)
    code = Code(
        object=jit.object_code(lowered.ir, target),
        frame_bytes=lowered.frame_bytes,
        local_bytes=lowered.local_bytes,
        sites=lowered.sites,
        facts=lowered.facts,
        symbols=tuple(lowered.frame.symbols),
        spins=lowered.spins,
        in_order=lowered.in_order,
    )
    jit.store(key, pickle.dumps(code))
    return code
