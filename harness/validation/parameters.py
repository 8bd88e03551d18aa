"""The parameters of the time model that are fitted, and nothing else is: what they mean and what they may be.

They live in the data files of the V100 and of its host, marked "calibration". Here is which they are, the range that
physics or a published measurement allows them, and how to put other values in their place. One more figure follows a
fitted one: a view takes VIEW_SHARE of an operator's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.vgpu.gpus import Gpu
from harness.vgpu.hosts import Host

VIEW_SHARE = 0.25  # of an operator's host time that a view takes: no allocation, no launch, no TensorIterator


@dataclass(frozen=True, slots=True)
class Parameter:
    """`figure` names a figure of a data file, "owner.field" or "owner.field.key"; `start` is where the fit begins."""

    figure: str
    unit: str
    meaning: str
    start: float
    low: float
    high: float
    why: str  # the range

    @property
    def path(self) -> tuple[str, str, str | None]:
        owner, field, *key = self.figure.split(".")
        return owner, field, key[0] if key else None

    def of(self, gpu: Gpu, host: Host) -> float:
        """Its value in the data files."""
        owner, field, key = self.path
        value = getattr(gpu if owner == "gpu" else host, field)
        return float(value[key] if key else value)


_HALF_GEMM = "Markidis et al. 2018 measured 0.66 of the V100's peak with CUDA 9; 1 is the peak"
_STEP = "an L2 hit takes 193 cycles, a DRAM access with a TLB miss 1029 (Jia et al. 2018)"
_OPERATOR = "published figures lie between 5 us on today's servers and 50 us with nn.Module on a 2.2 GHz core"
_EXTENSION = "as several operators: it checks 17 tensors, allocates, builds objects and reads gemm_config.in"

# figure, unit, meaning, start, low, high, why that range
PARAMETERS = tuple(
    Parameter(*row)
    for row in (
        ("gpu.gemm_efficiency.fp32", "of peak", "main loop of an FP32 GEMM", 0.9, 0.7, 1.0, "1 is the peak"),
        (
            "gpu.gemm_efficiency.tensor",
            "of peak",
            "main loop of an FP16 GEMM as cuBLAS chooses",
            0.7,
            0.5,
            0.9,
            _HALF_GEMM,
        ),
        ("gpu.gemm_efficiency.tensor-tuned", "of peak", "the same, fastest algorithm", 0.7, 0.5, 0.9, _HALF_GEMM),
        ("gpu.gemm_step_cycles", "cycles", "step of a GEMM's main loop that waits for memory", 500, 193, 1029, _STEP),
        ("gpu.kernel_ramp_ns", "ns", "start and end of any kernel", 1500, 500, 3000, "profiles of empty kernels"),
        (
            "host.torch_operator_ns",
            "ns",
            "eager operator that launches, less the launch call",
            20e3,
            3e3,
            50e3,
            _OPERATOR,
        ),
        (
            "host.torch_extension_ns",
            "ns",
            "call of the extension for a layer, less launch calls",
            50e3,
            10e3,
            150e3,
            _EXTENSION,
        ),
    )
)


def values(gpu: Gpu, host: Host) -> list[float]:
    """The committed values."""
    return [parameter.of(gpu, host) for parameter in PARAMETERS]


def applied(chosen: Sequence[float], gpu: Gpu, host: Host) -> tuple[Gpu, Host]:
    """GPU and host with other values."""
    changes: dict[str, dict[str, Any]] = {"gpu": {}, "host": {}}
    for parameter, value in zip(PARAMETERS, chosen, strict=True):
        owner, field, key = parameter.path
        if key is None:
            changes[owner][field] = value
        else:
            changes[owner].setdefault(field, dict(getattr(gpu, field)))[key] = value
    changes["host"]["torch_view_ns"] = VIEW_SHARE * changes["host"]["torch_operator_ns"]
    return replace(gpu, **changes["gpu"]), replace(host, **changes["host"])


def tuned(gpu: Gpu) -> Gpu:
    """The GPU where every GEMM runs the fastest algorithm that was found for its shape."""
    return replace(gpu, gemm_efficiency=gpu.gemm_efficiency | {"tensor": gpu.gemm_efficiency["tensor-tuned"]})


def clocked(gpu: Gpu, hertz: int) -> Gpu:
    """The GPU at another clock: everything that the SMs and L2 do is slower, DRAM is not."""
    share = hertz / gpu.clock_hz
    return replace(
        gpu,
        clock_hz=hertz,
        fp32_peak=gpu.fp32_peak * share,
        fp16_peak=gpu.fp16_peak * share,
        tensor_peak=gpu.tensor_peak * share,
        l2_bandwidth=gpu.l2_bandwidth * share,
    )
