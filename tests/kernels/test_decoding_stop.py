"""A decoding ends when all is finished, and nothing waits for the device on the way: counted on the virtual clock."""

from __future__ import annotations

import pytest
import torch

from harness.case import Case
from harness.timing.modelled import observed
from kernels.decoding import loop
from reference.decoding import loop as reference
from suites.decoding import models

AXES = {"dtype": "fp32", "batch": 2, "seq": 24, "beam": 2, "layers": 1, "vocabulary": 101, "memory": 5}
ENDS = 9.0  # the end is likely


@pytest.fixture
def inputs(device):
    def make(steps, end_bias=ENDS):
        case = Case("decoding", AXES)
        case.start(device.torch)
        model, encoded = models.model(case, end_bias), models.encoded(case)
        return (model, *encoded, models.START, models.END, AXES["beam"], steps, 0.6)

    return make


@pytest.fixture
def watched(device):
    """What a function does on the virtual clock: names of calls of the host, and of copies of the device."""
    if not device.vgpu:
        pytest.skip("only the vgpu has a clock that is read back")

    def run(function, *args, **options):
        clock = device.vgpu.clock
        calls, activities = len(clock.calls), len(clock.activities)
        with observed("stop", device.vgpu):
            made = function(*args, **options)
        names = [call.name for call in clock.calls[calls:]]
        kinds = [one.name for one in clock.activities[activities:]]
        return made, names, kinds

    return run


def waits(names):
    return [name for name in names if "Synchronize" in name]


def test_it_ends_early_with_the_same_sequences(inputs, watched):
    given = inputs(24)
    late, _, all_kernels = watched(loop.beam_search, *given, looks=0)
    early, _, kernels = watched(loop.beam_search, *given, looks=2)
    assert len(kernels) < len(all_kernels)
    for one, other in zip(early, late, strict=True):
        assert torch.equal(one, other)


def test_nothing_waits_for_the_device_before_the_end(inputs, watched):
    given = inputs(9, end_bias=-30.0)
    _, naive_calls, naive_operations = watched(reference.beam_search, *given)
    _, calls, operations = watched(loop.beam_search, *given, looks=4)
    assert len(waits(naive_calls)) >= 9  # a look at every step
    assert waits(calls) == []
    assert operations.count("Memcpy DtoH") == 2
    assert naive_operations.count("Memcpy DtoH") >= 9


def test_a_decoding_that_is_never_looked_at_copies_nothing(inputs, watched):
    _, _, operations = watched(loop.beam_search, *inputs(3), looks=0)
    assert operations.count("Memcpy DtoH") == 0


def test_samples_end_early_too(device, inputs):
    model, encoded, lengths, *_ = inputs(1)
    uniforms = torch.rand(24, 2)
    late = loop.sample_by_top_p(model, encoded, lengths, models.START, models.END, uniforms, 0.9, 1.0, looks=0)
    early = loop.sample_by_top_p(model, encoded, lengths, models.START, models.END, uniforms, 0.9, 1.0, looks=2)
    for one, other in zip(early, late, strict=True):
        assert torch.equal(one, other)


def test_more_steps_than_positions_are_refused(inputs):
    from kernels.shapes import OperandError

    with pytest.raises(OperandError, match="129 steps, but the model has 128 positions"):
        loop.beam_search(*inputs(129))
