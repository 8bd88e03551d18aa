"""A failed case in words: what a test failure and the command line print.

In: a `CaseResult`. Out: text: suite and case, what is wrong, the first bad element, error against what was allowed,
what the bad elements have in common, the exceptions that the suite makes, and a command that runs the case again.
"""

from __future__ import annotations

import math
import shlex

from harness.results.record import CaseResult, Mismatch, Verdict


def explain(result: CaseResult) -> str:
    """Several lines; the first names the case and the reason."""
    verdict = result.verdict
    family = f", family {result.family}" if result.family else ""
    lines = [f"{result.id} failed (seed {result.seed}{family}): {verdict.reason}"]
    if verdict.first:
        lines += _element(verdict.first, result.dtype, worst=verdict.mismatches == 0)
    if not math.isnan(verdict.error):
        lines += _errors(verdict)
    lines += [f"  hint               {hint}" for hint in verdict.hints]
    lines += [f"  exception          {note}" for note in verdict.notes]
    return "\n".join([*lines, f"  again              {reproduction(result)}"])


def reproduction(result: CaseResult) -> str:
    """One line for a shell that runs this case, and no other, again."""
    short = {"dtype": "--dtype", "batch": "--batch", "seq": "--seq"}
    words = ["fuseproof", "check", result.suite]
    for name, value in result.axes.items():
        words += [short[name], str(value)] if name in short else ["--axis", f"{name}={value}"]
    words += ["--family", result.family or "none", "--seed", str(result.seed)]
    return shlex.join(words)


def _element(first: Mismatch, dtype: str, *, worst: bool) -> list[str]:
    what = "worst element     " if worst else "first bad element "
    return [
        f"  {what} {first.output}{list(first.index)}",
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
