"""Errors of the virtual GPU, each with the CUDA driver's code that a program sees.

The codes are those of `CUresult` in cuda.h.
"""

from harness.errors import FuseproofError


class VgpuError(FuseproofError):
    """A failure that the driver reports as `code`; the message is kept for the user."""

    code = 999  # CUDA_ERROR_UNKNOWN


class InvalidPtx(VgpuError):
    """PTX that does not follow the grammar, or names something that it never declared."""

    code = 218  # CUDA_ERROR_INVALID_PTX


class UnsupportedPtx(VgpuError):
    """Valid PTX that the vgpu does not run: the message names instruction, line and kernel."""

    code = 222  # CUDA_ERROR_UNSUPPORTED_PTX_VERSION


class KernelFault(VgpuError):
    """A kernel did something illegal while it ran; the message is the whole report."""

    code = 700  # CUDA_ERROR_ILLEGAL_ADDRESS

    def __init__(self, message: str, code: int = 700) -> None:
        super().__init__(message)
        self.code = code
