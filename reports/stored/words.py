"""What every table of a stored run says: device, dtypes, where figures come from. In: a `Run`. Out: text, columns."""

from __future__ import annotations

from collections.abc import Iterable

from harness.results.record import CaseResult, Run


def where(run: Run, results: Iterable[CaseResult]) -> str:
    """`vgpu:T4, Tesla T4 (virtual), fp16 and fp32`"""
    dtypes = list(dict.fromkeys(result.dtype for result in results))
    return f"{run.device}, {run.device_name}, {' and '.join(dtypes)}"


def shared(run: Run, source: str) -> dict[str, object]:
    """The first columns of every row for machines."""
    return {"device": run.device, "device_name": run.device_name, "source": source}
