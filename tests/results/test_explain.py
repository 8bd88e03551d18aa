"""A failed case in words."""

import math

from harness.results.explain import explain
from harness.results.record import CaseResult, Mismatch, Verdict


def result(verdict):
    axes = {"batch": 8, "dtype": "fp16", "hidden": 7}
    return CaseResult("gelu", "fp16-b8-hidden7-nan:x", axes, "fp16", 3, verdict, None, None, "nan:x")


def test_it_names_case_reason_element_and_errors():
    first = Mismatch("output", (3, 17), 0.5, math.nan, 0.5001)
    verdict = Verdict(False, "output has 2 NaN", 0.25, 0.5, 12.0, 0.25, 0.001, 2, first,
                      hints=("the tail",), notes=("4 times the naive error is allowed",))  # fmt: skip
    assert explain(result(verdict)) == (
        "gelu[fp16-b8-hidden7-nan:x] failed (seed 3, family nan:x): output has 2 NaN\n"
        "  first bad element  output[3, 17]\n"
        "  expected           0.5  (reference in fp16)\n"
        "  got                nan\n"
        "  oracle             0.5001  (reference in FP64)\n"
        "  largest error      0.25, allowed 0.001; relative 0.5, 12 ULP\n"
        "  bad elements       2\n"
        "  hint               the tail\n"
        "  exception          4 times the naive error is allowed\n"
        "  again              fuseproof check gelu --batch 8 --dtype fp16 --axis hidden=7 --family nan:x --seed 3"
    )


def test_a_fault_keeps_its_whole_report():
    nan = math.nan
    verdict = Verdict(False, "kernel gelu failed: illegal address\nblock (3, 0, 0)", nan, nan, nan, nan, nan, 0, None)
    assert explain(result(verdict)).startswith(
        "gelu[fp16-b8-hidden7-nan:x] failed (seed 3, family nan:x): kernel gelu failed: illegal address\nblock (3, 0, 0)\n"
    )
