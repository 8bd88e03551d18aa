"""One case in detail: equality first, then the reference and the fused function once each, as one timeline.

In: a job and the open device. Out: its verdict and, where the case holds, a `Timeline` with the ranges "reference" and
"fused" and whatever NVTX ranges the functions open inside.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.device import Device
from harness.results.record import CaseResult
from harness.run import Job, run_case
from harness.timeline.schema import Timeline

REFERENCE, FUSED = "reference", "fused"


@dataclass(frozen=True, slots=True)
class Detail:
    """`timeline` is None where the case failed: times of a wrong result mean nothing."""

    result: CaseResult
    timeline: Timeline | None
    device: str  # "vgpu:T4"
    device_name: str

    @property
    def title(self) -> str:
        """What every table of it says: case, dtype, device, and whether times are measured or modelled."""
        times = f", times {self.timeline.source.times}" if self.timeline else ""
        return f"{self.result.id}, {self.result.dtype}, on {self.device}, {self.device_name}{times}"


def profile_case(job: Job, device: Device) -> Detail:
    """Check and trace one case."""
    from harness.timing.traced import Variant, traced

    result = run_case(job.suite, job.case, device, profiles=False)
    timeline = None
    if result.verdict.passed:
        inputs = job.suite.inputs(job.case, device.torch)
        variants = [Variant(REFERENCE, job.suite.reference, inputs), Variant(FUSED, job.suite.fused, inputs)]
        timeline = traced(variants, device)
    return Detail(result, timeline, device.label, device.name)
