"""`fuseproof report RUN`, step by step. In: a stored run, and which of its results. Out: a `Run` of those alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.errors import FuseproofError
from harness.results.record import CaseResult, Run
from harness.results.store import load


def chosen(path: Path, suites: Sequence[str] = (), dtype: str | None = None, keyword: str = "") -> Run:
    """The results of those suites and dtypes whose id contains the keyword; an error where there are none."""
    run = load(path)
    _require(path, "suite", suites, [result.suite for result in run.results])
    dtypes = [word.strip() for word in dtype.split(",")] if dtype else []
    _require(path, "dtype", dtypes, [result.dtype for result in run.results])

    def wanted(result: CaseResult) -> bool:
        of_suite, of_dtype = result.suite in (suites or [result.suite]), result.dtype in (dtypes or [result.dtype])
        return of_suite and of_dtype and keyword in result.id

    results = tuple(filter(wanted, run.results))
    if not results:
        ids = f"its ids read like {run.results[0].id}" if run.results else "it holds none"
        raise FuseproofError(f"no result of {path} matches: {ids}")
    return replace(run, results=results)


def _require(path: Path, what: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    if unknown := [word for word in wanted if word not in there]:
        known = ", ".join(dict.fromkeys(there)) or "no results"
        raise FuseproofError(f"{path} holds no result of {what} {unknown[0]!r}: it holds {known}")
