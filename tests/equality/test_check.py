"""The check of one case: what a fused function can do wrong, each turned red. Fused functions here are pure torch."""

import math
import threading

import pytest
import torch

from harness.equality.check import check
from harness.errors import FuseproofError
from harness.suite import suite
from harness.sweep import Sweep


def reference(x, bias):
    return torch.nn.functional.gelu(x + bias, approximate="tanh")


def verdict_of(fused, device, **attributes):
    @suite(fused=fused, reference=reference, sweep=Sweep(batch=2, seq=8, dtype=("fp16", "fp32")), **attributes)
    def gelu(case):
        return case.randn(case.tokens, 96), case.randn(96)

    verdicts = [check(gelu, case, device) for case in gelu.cases()]
    assert len({verdict.passed for verdict in verdicts}) == 1
    return verdicts[0]


def test_a_function_that_computes_in_fp32_and_fills_its_output_passes(plain_device):
    def fused(x, bias):
        out = torch.empty_like(x)
        out.copy_(reference(x.float(), bias.float()))
        return out

    assert verdict_of(fused, plain_device).passed


IMPOSTORS = {
    "zero": lambda x, bias: torch.zeros_like(x),
    "constant": lambda x, bias: torch.full_like(x, 0.3),
    "copied input": lambda x, bias: x.clone(),
    "returned input": lambda x, bias: x,
    "forgotten bias": lambda x, bias: reference(x, torch.zeros_like(bias)),
    "exact gelu of a scaled input": lambda x, bias: reference(x * 1.02, bias),
    "negated": lambda x, bias: -reference(x, bias),
    "shifted by one": lambda x, bias: reference(x, bias).roll(1, dims=1),
}


@pytest.mark.parametrize("fused", IMPOSTORS.values(), ids=IMPOSTORS)
def test_an_impostor_fails_with_the_first_bad_element(fused, plain_device):
    verdict = verdict_of(fused, plain_device)
    assert not verdict.passed
    assert verdict.first.index[0] == 0
    assert abs(verdict.first.got - verdict.first.oracle) > verdict.allowed
    assert verdict.mismatches > 0


def test_elements_left_unwritten_hold_poison_and_fail(plain_device):
    def fused(x, bias):
        out = torch.empty_like(x)
        out[:, :95] = reference(x, bias)[:, :95]
        return out

    verdict = verdict_of(fused, plain_device)
    assert verdict.first.index == (0, 95)
    assert math.isnan(verdict.first.got)


@pytest.mark.parametrize(
    "allocate",
    [
        lambda x: torch.empty(x.shape, dtype=x.dtype),
        lambda x: x.new_empty(x.shape),
        lambda x: torch.empty_strided(x.shape, x.stride(), dtype=x.dtype),
        lambda x: torch.empty_like(x),
        lambda x: x.new_empty_strided(x.shape, x.stride()),
    ],
)
def test_every_way_to_get_empty_memory_is_poisoned(allocate, plain_device):
    assert "1536 NaN" in verdict_of(lambda x, bias: allocate(x), plain_device).reason


def test_a_stale_output_fails_at_the_second_run(plain_device):
    kept = threading.local()

    def fused(x, bias):
        if getattr(kept, "of", None) is not x:
            kept.of, kept.out = x, reference(x, bias)
        return kept.out

    verdict = verdict_of(fused, plain_device)
    assert "stale output" in verdict.reason
    assert math.isnan(verdict.first.got)


def test_a_changed_input_fails_and_is_named(plain_device):
    def fused(x, bias):
        out = reference(x, bias)
        bias[3] = 0
        return out

    assert "changed bias at [3]" in verdict_of(fused, plain_device).reason


def test_bits_that_vary_between_runs_fail_unless_declared(plain_device):
    def fused(x, bias):
        fused.runs += 1
        return reference(x.float(), bias.float()).mul(1 + 2**-23 * (fused.runs % 2)).to(x.dtype)

    fused.runs = 0
    if torch.equal(fused(torch.ones(1), torch.ones(1)), fused(torch.ones(1), torch.ones(1))):
        pytest.fail("the function under test does not vary")
    assert verdict_of(fused, plain_device, nondeterministic="atomics in any order").passed


def test_an_error_of_the_fused_function_is_a_verdict(plain_device):
    def fused(x, bias):
        raise FuseproofError("kernel gelu: misaligned address")

    assert verdict_of(fused, plain_device).reason == "kernel gelu: misaligned address"

    def buggy(x, bias):
        raise ValueError("no")

    assert "raised ValueError: no (" in verdict_of(buggy, plain_device).reason


def test_a_function_that_returns_no_tensor_fails(plain_device):
    assert "returned no tensor but NoneType" in verdict_of(lambda x, bias: None, plain_device).reason


def test_nested_inputs_and_outputs_are_compared_in_full(plain_device):
    @suite(
        fused=lambda pair, scale: {"sum": pair[0] + pair[1], "scaled": (pair[0] * scale,)},
        reference=lambda pair, scale: {"sum": pair[0] + pair[1], "scaled": (pair[0] * 3,)},
        sweep=Sweep(batch=4, dtype="fp32"),
    )
    def nested(case):
        return [case.randn(4), case.randn(4)], 2

    verdict = check(nested, nested.cases()[0], plain_device)
    assert verdict.first.output == "output['scaled'][0]"
