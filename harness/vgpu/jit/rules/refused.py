"""Instructions that are known and not run: the error says why. All others without a rule are named by their form."""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.rules.rule import Lower, Rule
from harness.vgpu.ptx.program import Instruction

SECTION = "not run"
_TEXTURES = "textures and surfaces, whose objects its driver does not make"
_TENSOR = "asynchronous tensor-core instructions (sm_90a and later): use mma, or compile for a target without the a"
_BULK = "bulk copies by the tensor memory accelerator: copy with cp.async or plain loads"
_CLUSTERS = "thread-block clusters: every block runs on its own"
REASONS = {
    **dict.fromkeys(("tex", "tld4", "txq", "suld", "sust", "sured", "suq", "istypep"), _TEXTURES),
    **dict.fromkeys(("wgmma", "tcgen05"), _TENSOR),
    **dict.fromkeys(("tensormap", "multimem"), _BULK),
    **dict.fromkeys(("mapa", "getctarank", "clusterlaunchcontrol"), _CLUSTERS),
}  # fmt: skip


def find(instruction: Instruction) -> Rule | None:
    """A rule that raises UnsupportedPtx with the reason, or None."""
    reason = reason_for(instruction)
    return Rule(_refuse(reason), SECTION, "other") if reason else None


def reason_for(instruction: Instruction) -> str | None:
    """Why the vgpu does not run the instruction; None where there is nothing to say beyond its name."""
    modifiers = set(instruction.modifiers)
    if instruction.opcode in ("cp", "prefetch") and modifiers & {"bulk", "tensor", "reduce", "tensormap"}:
        return _BULK
    if instruction.opcode in ("st", "red") and "async" in modifiers:
        return _CLUSTERS
    return REASONS.get(instruction.opcode)


def _refuse(reason: str) -> Lower:
    def lower(c: Context) -> None:
        c.unsupported(reason)

    return lower
