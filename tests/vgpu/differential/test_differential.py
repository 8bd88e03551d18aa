"""Random programs leave the same memory behind, whichever engine runs them and in whatever order."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.vgpu.jit import rules
from harness.vgpu.ptx.parser import parse
from tests.vgpu.differential.cases import HEADER, build, case, group, program
from tests.vgpu.differential.compare import disagreement
from tests.vgpu.differential.programs import FORMS, Generator
from tests.vgpu.differential.statements import Line

SEED, TOGETHER, KERNELS = 20250, 6, 40


@pytest.mark.parametrize("kernel", range(KERNELS))
def test_both_engines_agree_on_the_committed_programs(kernel):
    first = kernel * TOGETHER
    found = disagreement(case(group(SEED, range(first, first + TOGETHER))))
    assert found is None, f"seed {SEED}, programs from {first}: {found}"


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.booleans())
def test_both_engines_agree_on_programs_that_hypothesis_makes(rng, wild):
    found = disagreement(build([program(rng, wild)], Random(1)))
    assert found is None, str(found)


def test_a_program_depends_on_its_seed_and_number_alone():
    assert case(group(3, (5, 6))) == case(group(3, (5, 6)))
    assert group(3, (5, 6)).programs != group(4, (5, 6)).programs


def test_the_engine_has_a_rule_for_every_form_of_the_generator():
    registers = ".reg .b32 %r<9>;\n.reg .b64 %d<9>;\n.reg .b16 %s<9>;\n.reg .pred %p<9>;\n"
    letters = {"f": "r", "x": "r", "g": "d", "h": "s", "u": "r"}
    missing = []
    for form in (f for forms in FORMS.values() for f in forms):
        operands = ["1" if k in "iL" else f"%{letters.get(k, k)}{n}" for n, k in enumerate(form.kinds)]
        module = parse(f"{HEADER}.entry k()\n{{\n{registers}{form.text} {', '.join(operands)};\n}}\n")
        instruction = module.functions["k"].blocks[0].instructions[0]
        if rules.find(instruction) is None:
            missing.append(form.text)
    assert not missing


def test_every_family_turns_up_in_the_generator_lines():
    generator = Generator(Random(0), wild=True)
    opcodes = {text.split()[text[0] == "@"].split(".")[0]
               for _ in range(3000) for text in generator.line().texts}  # fmt: skip
    assert {"add", "mad", "bfe", "lop3", "cvt", "setp", "selp", "fma", "ld", "st", "red", "atom", "div"} <= opcodes
    assert isinstance(generator.line(), Line)
