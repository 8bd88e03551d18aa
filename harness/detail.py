"""One case in detail: equality first, then the reference and the fused function once each, as one timeline.

In: a job and the open device. Out: its verdict and, where the case holds, a `Timeline` with a range around each
function and whatever NVTX ranges they open inside; and what tables show of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.device import Device
from harness.errors import FuseproofError
from harness.results.record import CaseResult
from harness.run import Job, run_case
from harness.timeline.figures import figures
from harness.timeline.overview import Overview, overview
from harness.timeline.schema import Timeline


@dataclass(frozen=True, slots=True)
class Detail:
    """`timeline` is None where the case failed: times of a wrong result mean nothing."""

    result: CaseResult
    timeline: Timeline | None


def profile_case(job: Job, device: Device, *, graphs: bool = False) -> Detail:
    """Check and trace one case, and both functions as CUDA graphs where that is wanted."""
    from harness.timing.traced import Variant, traced

    result = run_case(job.suite, job.case, device, profiles=False)
    if not result.verdict.passed:
        return Detail(result, None)
    inputs = job.suite.inputs(job.case, device.torch)
    names, functions = _names(result), (job.suite.reference, job.suite.fused)
    variants = [Variant(name, function, inputs) for name, function in zip(names, functions, strict=True)]
    made = traced(variants, device, graphs=graphs)
    details = {**made.source.details, "case": result.id, "dtype": result.dtype, "device": device.label}
    return Detail(result, replace(made, source=replace(made.source, details=details)))


def overview_of(detail: Detail) -> Overview:
    """Every range by name, reference against fused, and the kernels of each of the two."""
    if detail.timeline is None:
        raise FuseproofError(f"{detail.result.id} failed: {detail.result.verdict.reason}")
    found = figures(detail.timeline)
    return replace(overview(found), kernels=overview(found, _names(detail.result)).kernels)


def _names(result: CaseResult) -> tuple[str, str]:
    """Of the two ranges, as tables pair them."""
    return f"{result.case} reference", f"{result.case} fused"
