"""Every rule that computes on values, against exact arithmetic, bit for bit, on every way that operands can come."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.vgpu.jit.models import ELSEWHERE, FORMS, Model, models
from tests.vgpu.jit.ptx_bench import PATHS
from tests.vgpu.jit.trial import OPEN, faults


def _group(form: str) -> str:
    """What one test takes together: an opcode, of setp a type."""
    opcode, *modifiers = form.split(".")
    return f"{opcode}.{modifiers[-1]}" if opcode in ("setp", "set") else opcode


GROUPS: dict[str, list[Model]] = defaultdict(list)
for _form in FORMS:
    if _form.split(".")[0] not in ELSEWHERE:
        GROUPS[_group(_form)] += models(_form)


def _one_of_each_shape() -> list[Model]:
    """One model for each combination of registers: what a mask does depends on no more."""
    chosen = {}
    for group in GROUPS.values():
        for model in group:
            chosen.setdefault((model.case.destinations, model.case.sources), model)
    return list(chosen.values())


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_an_instruction_computes_what_ptx_defines(group):
    assert faults(GROUPS[group], "lanes") == []


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_an_instruction_computes_the_same_on_operands_that_all_lanes_share(group):
    assert faults(GROUPS[group], "uniform") == []


@pytest.mark.parametrize("path", [path for path in PATHS if path not in OPEN])
def test_a_masked_lane_keeps_its_destination(path):
    assert faults(_one_of_each_shape(), path) == []
