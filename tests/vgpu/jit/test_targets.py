"""Older CPUs have neither FP16 arithmetic nor wide vectors: code made for them gives the same bits."""

from __future__ import annotations

import pytest

from tests.vgpu.jit.models import FORMS, Model, models
from tests.vgpu.jit.targets import TARGETS, target
from tests.vgpu.jit.test_conversions import FROM, pairs
from tests.vgpu.jit.trial import faults

OPCODES = sorted({form.split(".")[0] for form in FORMS} - {"setp"})
ON_HALVES = [form for form in FORMS if "f16" in form]


def _models(forms: list[str]) -> list[Model]:
    return [model for form in forms for model in models(form)]


@pytest.mark.parametrize("opcode", [*OPCODES, "setp.lt", "setp.neu"])
def test_an_instruction_gives_the_same_bits_on_a_cpu_with_short_vectors(opcode):
    forms = [form for form in FORMS if form.startswith(opcode + ".")]
    assert faults(_models(forms), "lanes", target("avx2")) == []


@pytest.mark.parametrize("name", TARGETS)
def test_halves_that_all_lanes_share_give_the_same_bits_without_fp16_arithmetic(name):
    assert faults(_models([form for form in ON_HALVES if "setp" not in form]), "uniform", target(name)) == []


def test_halves_give_the_same_bits_on_long_vectors_without_fp16_arithmetic():
    assert faults(_models(ON_HALVES), "lanes", target("avx512")) == []


@pytest.mark.parametrize("source", FROM)
def test_a_conversion_gives_the_same_bits_on_a_cpu_with_short_vectors(source):
    assert faults([*FROM[source], *(pairs() if source == "f32" else [])], "lanes", target("avx2")) == []
