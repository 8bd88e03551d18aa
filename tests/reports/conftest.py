"""A run with two suites: one timed, one that failed."""

import math

import pytest

from harness.results.record import CaseResult, Mismatch, Profile, Run, Verdict

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
