"""Families of kernels: names that stay the same over dtypes, sizes, GPUs and versions of PyTorch.

In: a launch of a rule, or the name of a kernel, memcpy or memset in a trace. Out: its family, one word. A rule's `form`
is written in these words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from harness.timing.torch_launches.launch import Copy, Kernel, Launch, MatrixProduct, Memset

GEMM, REDUCTION, CUDNN = "gemm", "gemm_reduction", "cudnn"
LIBRARY = {GEMM, REDUCTION, CUDNN}

# the first pattern that is found in the name without namespaces and arguments
_FAMILIES = (
    (r"Memcpy", "memcpy"),
    (r"Memset", "memset"),
    (r"^cudnn|cask_|^fft|winograd|^bn_[fb]w|convolve|implicit_gemm|dgrad|wgrad|nchwToNhwc|nhwcToNchw", CUDNN),
    (r"splitK_?reduce|globalKernel|scal_kernel|reduce_1Block|cublasSplitK", REDUCTION),
    (r"gemm|gemv|gemvx|cutlass::Kernel|dot_kernel|nvjet", GEMM),
    (r"index_elementwise_kernel", "index_elementwise_kernel"),
    (r"elementwise_kernel_with_index", "elementwise_kernel_with_index"),
    (r"indexSelect|vectorized_gather_kernel|_scatter_gather_elementwise_kernel", "gather"),
    (r"distribution_elementwise", "distribution_elementwise_grid_stride_kernel"),
    (r"(vectorized_|unrolled_|^)elementwise_kernel", "elementwise"),
    (r"reduce_kernel", "reduce"),
    (r"CatArrayBatchedCopy", "cat"),
    (r"cunn_SpatialSoftMax(Forward|Backward)", r"cunn_SpatialSoftMax\1"),
    (r"cunn_SoftMax(Forward|Backward)", r"cunn_SoftMax\1"),
    (r"layer_norm_grad_input_kernel", "layer_norm_grad_input_kernel"),
    (r"GammaBetaBackward", "GammaBetaBackward"),
    (r"nll_loss_(forward|backward)", r"nll_loss_\1"),
    (r"tensor_kernel_scan", "tensor_kernel_scan"),
    (r"flash_fwd", "flash_fwd_kernel"),
    (r"fmha_cutlassF", "fmha_cutlassF"),
)


def families(launches: Sequence[Launch]) -> list[str]:
    """Of a rule's launches."""
    return [_of(launch) for launch in launches]


def _of(launch: Launch) -> str:
    match launch:
        case Copy():
            return "memcpy"
        case Memset():
            return "memset"
        case Kernel() | MatrixProduct():
            return family(launch.name)


@cache
def family(name: str) -> str:
    """Of a name as a profiler or a rule shows it."""
    bare = _bare(name)
    for pattern, found in _FAMILIES:
        match = re.search(pattern, bare)
        if match:
            return match.expand(found)
    return bare.rpartition("::")[2]


def _bare(name: str) -> str:
    """Without return type, anonymous namespaces, template arguments and parameters; a size that follows is cut off."""
    shown = (
        name.removeprefix("void ")
        .replace("(anonymous namespace)::", "")
        .replace("<unnamed>::", "")
        .removeprefix("at::native::")
    )
    if shown.startswith("Mem"):
        return shown
    if shown.startswith("std::enable_if"):  # the type that a template returns comes before its name
        shown = shown.partition(">::type ")[2]
    return re.split(r"[<( ]", shown, maxsplit=1)[0]


@cache
def pattern(form: str, *, partly: bool = False) -> re.Pattern[str]:
    """What a form matches: families, each followed by a space. `partly` where launches may be missing."""
    tokens = re.findall(r"(?:\([^)]*\)|[^\s(])+", form)
    word = r"(?:(?:\g<0> )?)" if partly else r"(?:\g<0> )"
    grouped = ["(?:" + re.sub(r"[A-Za-z_]\w*", word, token).replace(") (", ")(") + ")" for token in tokens]
    return re.compile("".join(re.sub(r"\)([?*+]?) \(", r")\1(", group) for group in grouped))


def matches(form: str, seen: Sequence[str], *, partly: bool = False) -> bool:
    """Whether the families that were seen are what a form says."""
    return bool(pattern(form, partly=partly).fullmatch("".join(f"{each} " for each in seen)))
