"""A failed case in words: what a test failure and the command line print.

In: a `CaseResult`. Out: text: suite and case, what is wrong, the first bad element, error against what was allowed.
"""

from __future__ import annotations

import math

from harness.results.record import CaseResult, Mismatch, Verdict


def explain(result: CaseResult) -> str:
    """Several lines; the first names the case and the reason."""
    verdict = result.verdict
    lines = [f"{result.id} failed (seed {result.seed}): {verdict.reason}"]
    if verdict.first:
        lines += _element(verdict.first, result.dtype)
    if not math.isnan(verdict.error):
        lines += _errors(verdict)
    return "\n".join(lines)


def _element(first: Mismatch, dtype: str) -> list[str]:
    return [
        f"  first bad element  {first.output}{list(first.index)}",
        f"  expected           {first.expected!r}  (reference in {dtype})",
        f"  got                {first.got!r}",
        f"  oracle             {first.oracle!r}  (reference in FP64)",
    ]


def _errors(verdict: Verdict) -> list[str]:
    relative, ulps = f"{verdict.max_rel:.3g}", f"{verdict.max_ulp:.6g}"
    return [
        f"  largest error      {verdict.error:.6g}, allowed {verdict.allowed:.6g}; relative {relative}, {ulps} ULP",
        f"  bad elements       {verdict.mismatches}",
    ]
