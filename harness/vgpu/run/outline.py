"""A module's outline: names, parameters, variables and directives, without instructions.

Loading needs no more, and the cache keeps it, so that a module which was loaded before is not parsed again unless
one of its kernels has to be compiled or reports a fault.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cached_property

from harness.vgpu.jit import compile as jit
from harness.vgpu.jit.target import Target
from harness.vgpu.ptx.parser import parse
from harness.vgpu.ptx.program import Function, Module


class Program:
    """PTX text whose outline is at hand, and which is parsed when somebody asks for more."""

    def __init__(self, text: str, name: str, target: Target) -> None:
        self.text = text
        self.name = name
        key = jit.cache_key(text, name, "outline", target=target)
        kept = jit.stored(key)
        if kept is None:
            self.outline = _outline(self.whole)
            jit.store(key, pickle.dumps(replace(self.outline, text="")))
        else:
            self.outline = replace(pickle.loads(kept), text=text)  # the cache is the user's own

    @cached_property
    def whole(self) -> Module:
        """Everything. Raises InvalidPtx."""
        return parse(self.text, self.name)


def _outline(module: Module) -> Module:
    functions = {name: _head(function) for name, function in module.functions.items()}
    return replace(module, functions=functions)


def _head(function: Function) -> Function:
    return replace(function, blocks=(), registers=())
