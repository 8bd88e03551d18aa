"""A run with two suites: one timed, one that failed; and a run that timed CUDA graphs too."""

import math

import pytest

from harness.results.record import CaseResult, Mismatch, Profile, Run, Variant, Verdict

PASSED = Verdict(True, "", 0.00123, 0.01, 2.0, 0.00123, 0.004, 0, None)
FAILED = Verdict(False, "output: the largest error is 3, allowed 0.1\nmore", 3.0, 1.0, 9.0, 3.0, 0.1, 7,
                 Mismatch("output", (0,), 1.0, 4.0, 1.0))  # fmt: skip
UNKNOWN = Verdict(False, "kernel gelu failed", *[math.nan] * 5, 0, None)


def profile(factor):
    return Profile("r", "modelled", 2 * factor, 2, 0, 0, 3.0, 10.0 * factor, 6.0 * factor, 2.0, factor, 1.0, 512, ())


@pytest.fixture
def run():
    timed = [
        CaseResult("gelu", f"fp16-b{batch}", {"batch": batch, "dtype": "fp16"}, "fp16", 5, PASSED, profile(factor),
                   profile(1))
        for batch, factor in ((1, 2), (8, 8))
    ]  # fmt: skip
    failed = [
        CaseResult("norm", f"fp32-h{number}", {"hidden": number, "dtype": "fp32"}, "fp32", 5, verdict, None, None)
        for number, verdict in enumerate((FAILED, UNKNOWN))
    ]
    return Run("vgpu:T4", "Tesla T4 (virtual)", "modelled", {"torch": "2.13", "cpu": "Some"}, (*timed, *failed))


@pytest.fixture
def graphs():
    """One case, whose reference cannot be captured."""
    fused = Profile("r graph", "modelled", 2, 1, 0, 0, 3.0, 5.0, 4.0, 1.0, 1, 0.5, 512, ())
    variants = (
        Variant("reference", "graph", None, "not capturable: it calls cudaStreamSynchronize, which waits"),
        Variant("fused", "graph", fused),
    )
    result = CaseResult("gelu", "fp16-b1", {"batch": 1}, "fp16", 5, PASSED, profile(2), profile(1), "", variants)
    return Run("vgpu:T4", "Tesla T4 (virtual)", "modelled", {}, (result,))
