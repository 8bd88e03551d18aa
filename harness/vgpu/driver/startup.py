"""Start of the driver, its version, its error texts, and the profiler's switch.

Entry points only: cuInit, cuDriverGetVersion, cuGetErrorName, cuGetErrorString, cuProfiler*.
"""

from __future__ import annotations

from harness.vgpu.driver import reports
from harness.vgpu.driver.entry import Needs, entry, table
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import CUDA_VERSION, driver


@entry(needs=Needs.NOTHING)
def cuInit(Flags):
    if Flags:
        raise DriverError(Result.INVALID_VALUE, f"cuInit takes no flags, got {Flags}")
    driver.started = True


@entry(needs=Needs.NOTHING)
def cuDriverGetVersion(driverVersion):
    driverVersion[0] = CUDA_VERSION


def cuGetErrorString(error, pStr):
    """Outside of the border, so that asking for a text does not clear the failure that it explains."""
    try:
        pStr[0] = reports.text(Result(error))
    except ValueError:
        pStr[0] = 0
        return Result.INVALID_VALUE
    return Result.SUCCESS


def cuGetErrorName(error, pStr):
    try:
        pStr[0] = reports.c_string(Result(error).symbol)
    except ValueError:
        pStr[0] = 0
        return Result.INVALID_VALUE
    return Result.SUCCESS


table.update(cuGetErrorString=cuGetErrorString, cuGetErrorName=cuGetErrorName)


@entry(needs=Needs.NOTHING)
def cuProfilerInitialize(configFile, outputFile, outputMode):
    """Every launch is recorded anyway."""


@entry(needs=Needs.NOTHING)
def cuProfilerStart():
    """Every launch is recorded anyway."""


@entry(needs=Needs.NOTHING)
def cuProfilerStop():
    """Every launch is recorded anyway."""
