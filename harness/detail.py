"""One case in detail: equality first, then the reference and the fused function once each, as one timeline.

In: a job and the open device. Out: its verdict and, where the case holds, a `Timeline` with a range around each
function and whatever NVTX ranges they open inside, and on the vgpu the fused function's counters; and what tables show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.device import Device
from harness.errors import FuseproofError
from harness.results.record import CaseResult
from harness.run import Job, run_case
from harness.timeline.figures import figures
from harness.timeline.overview import Overview, overview
from harness.timeline.schema import Timeline

if TYPE_CHECKING:
    from harness.counted import Run


@dataclass(frozen=True, slots=True)
class Detail:
    """`timeline` is None where the case failed: times of a wrong result mean nothing. `counted` is None on a GPU."""

    result: CaseResult
    timeline: Timeline | None
    counted: Run | None = None


def profile_case(job: Job, device: Device, *, graphs: bool = False, sample: int = 0) -> Detail:
    """Check, trace and count one case, and trace both functions as CUDA graphs where that is wanted.

    `sample`: count only so many blocks of each launch.
    """
    from harness.timing.traced import Variant, traced

    result = run_case(job.suite, job.case, device, profiles=False)
    if not result.verdict.passed:
        return Detail(result, None)
    inputs = job.suite.inputs(job.case, device.torch)
    names, functions = _names(result), (job.suite.reference, job.suite.fused)
    variants = [Variant(name, function, inputs) for name, function in zip(names, functions, strict=True)]
    made = traced(variants, device, graphs=graphs)
    details = {**made.source.details, "case": result.id, "dtype": result.dtype, "device": device.label}
    timeline = replace(made, source=replace(made.source, details=details))
    return Detail(result, timeline, _counted(job, device, sample))


def _counted(job: Job, device: Device, sample: int) -> Run | None:
    if device.vgpu is None and not sample:
        return None
    from harness.counted import count_case

    return count_case(job.suite, job.case, device, sample=sample)


def overview_of(detail: Detail) -> Overview:
    """Every range by name, reference against fused, and the kernels of each of the two."""
    if detail.timeline is None:
        raise FuseproofError(f"{detail.result.id} failed: {detail.result.verdict.reason}")
    found = figures(detail.timeline)
    return replace(overview(found), kernels=overview(found, _names(detail.result)).kernels)


def _names(result: CaseResult) -> tuple[str, str]:
    """Of the two ranges, as tables pair them."""
    return f"{result.case} reference", f"{result.case} fused"
