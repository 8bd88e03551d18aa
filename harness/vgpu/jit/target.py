"""The CPU that code is made for, and how much work goes into it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Names and features as LLVM writes them; an empty triple is this machine's.

    `optimisation` is LLVM's level of code generation: 0 compiles in a third of the time, to code that is slower. What
    it computes is the same.
    """

    cpu: str
    features: str
    triple: str = ""
    optimisation: int = 2

    @property
    def native_half(self) -> bool:
        """FP16 arithmetic in hardware: its fma rounds once."""
        return "+avx512fp16" in self.features or "+fullfp16" in self.features

    @property
    def wide_gather(self) -> bool:
        """Gather and scatter with a mask, cheaper than a call."""
        return "+avx512f" in self.features
