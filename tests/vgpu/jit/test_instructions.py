"""Every rule that computes on values, against exact arithmetic, bit for bit, on every way that operands can come."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from harness.vgpu.jit.rules import RULES
from tests.vgpu.jit.models import ELSEWHERE, FORMS, IN_FAMILIES, Model, is_approximate, models
from tests.vgpu.jit.ptx_bench import PATHS
from tests.vgpu.jit.trial import OPEN, faults


def _group(form: str) -> str:
    """What one test takes together: an opcode, of setp a type."""
    opcode, *modifiers = form.split(".")
    return f"{opcode}.{modifiers[-1]}" if opcode in ("setp", "set") else opcode


GROUPS: dict[str, list[Model]] = defaultdict(list)
for _form in FORMS:
    GROUPS[_group(_form)] += models(_form)


def _one_of_each_shape() -> list[Model]:
    """One model for each combination of destinations: what a mask does depends on no more."""
    chosen = {}
    for group in GROUPS.values():
        for model in group:
            if model.case.template.startswith("{{"):  # several statements, which a guard does not cover
                continue
            chosen.setdefault((model.case.destinations, len(model.case.sources)), model)
    return list(chosen.values())


def test_every_rule_has_a_test():
    """A model here, or tests in a file that takes the whole opcode or table of rules."""
    tested = {*FORMS, *(form for table in IN_FAMILIES for form in table.RULES)}
    tested |= {form for form in RULES if is_approximate(form) or form.split(".")[0] in ELSEWHERE}
    assert sorted(set(RULES) - tested) == []
    files = {Path(__file__).parent / f"{name}.py" for name in ELSEWHERE.values()}
    assert [file.name for file in sorted(files) if not file.exists()] == []


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_an_instruction_computes_what_ptx_defines(group):
    assert faults(GROUPS[group], "lanes") == []


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_an_instruction_computes_the_same_on_operands_that_all_lanes_share(group):
    assert faults(GROUPS[group], "uniform") == []


@pytest.mark.parametrize("path", [path for path in PATHS if path not in OPEN])
def test_a_masked_lane_keeps_its_destination(path):
    assert faults(_one_of_each_shape(), path) == []
