"""A broken kernel turns its suite red: wrong constants, indices off by one, lost barriers, ignored operands."""

import shutil
from importlib import import_module
from pathlib import Path

import pytest

import kernels
from harness.equality.check import check
from harness.kernel import Kernel
from suites.activation.test_bias_gelu import bias_gelu
from suites.attention.test_masked_softmax import masked_softmax_any_length
from suites.encoder.test_other_layers import encoder_layer_split
from suites.normalization.test_bias_residual_layer_norm import bias_residual_layer_norm

GELU = ("activation/bias_gelu.cu", "kernels.activation.bias_gelu._bias_gelu")
NORM = ("normalization/bias_residual_layer_norm.cu", "kernels.normalization.bias_residual_layer_norm._held")
SOFTMAX = ("attention/masked_softmax.cu", "kernels.attention.masked_softmax._held")
LONG_SOFTMAX = ("attention/masked_softmax.cu", "kernels.attention.masked_softmax._long")
SPLIT = ("attention/heads.cu", "kernels.attention.heads._bias_split_heads")
MERGE = ("attention/heads.cu", "kernels.attention.heads._merge_heads")
ROWS = "normalization/layer_norm.cuh"
REDUCE = "cuda/reduce.cuh"

BREAKAGES = {
    "the cubic term of GELU": (bias_gelu, GELU, GELU[0], "0.044715f", "0.044175f"),
    "sqrt(2 / pi) of GELU": (bias_gelu, GELU, GELU[0], "0.7978845608028654f", "0.7978f"),
    "the bias of the neighbour": (bias_gelu, GELU, GELU[0], "load_float<N>(bias + col)", "load_float<N>(bias + (col ^ N))"),
    "rows skipped": (bias_gelu, GELU, GELU[0], "row < rows;", "row < rows - 1;"),
    "the last column skipped": (bias_gelu, GELU, GELU[0], "col >= cols", "col >= cols - 1"),
    "a column too many": (bias_gelu, GELU, GELU[0], "col >= cols", "col > cols"),
    "a mean over one column too many": (bias_residual_layer_norm, NORM, ROWS, "partials[0]) / cols", "partials[0]) / (cols + 1)"),
    "a variance over n - 1": (bias_residual_layer_norm, NORM, ROWS, "partials[1]) / cols", "partials[1]) / (cols - 1)"),
    "no residual": (bias_residual_layer_norm, NORM, NORM[0], "added.at[i] + skipped.at[i]", "added.at[i]"),
    "no shift": (bias_residual_layer_norm, NORM, ROWS, " + offset.at[i]", ""),
    "one partial sum for both reductions": (bias_residual_layer_norm, NORM, ROWS, "partials[1])", "partials[0])"),
    "no barrier in the block's reduction": (bias_residual_layer_norm, NORM, REDUCE, "__syncthreads();", ""),
    "a warp's reduction that stops early": (bias_residual_layer_norm, NORM, REDUCE, "distance > 0", "distance > 1"),
    "partials of all warps but the last": (bias_residual_layer_norm, NORM, REDUCE, "lane < warps", "lane < warps - 1"),
    "a maximum that starts at 0": (masked_softmax_any_length, SOFTMAX, REDUCE, "__int_as_float(0xff800000)", "0.0f"),
    "lanes whose row is not there": (masked_softmax_any_length, SOFTMAX, SOFTMAX[0], "? row_keys : 0", "? row_keys : row_keys"),
    "the mask upside down": (masked_softmax_any_length, SOFTMAX, SOFTMAX[0], "hidden.at[i] ?", "!hidden.at[i] ?"),
    "the mask of another query": (masked_softmax_any_length, SOFTMAX, SOFTMAX[0], "row % queries", "(row + 1) % queries"),
    "no scale": (masked_softmax_any_length, SOFTMAX, SOFTMAX[0], "value.at[i] * scale", "value.at[i]"),
    "a sum that is not rescaled": (masked_softmax_any_length, LONG_SOFTMAX, SOFTMAX[0], "total *= expf(highest - origin);", ""),
    "key and value swapped": (encoder_layer_split, SPLIT, SPLIT[0], "(static_cast<long long>(part) * batch", "(static_cast<long long>(part ? 3 - part : 0) * batch"),
    "the wrong head": (encoder_layer_split, SPLIT, SPLIT[0], "heads + head;\n        store(out + (matrix", "heads + (head ^ 1);\n        store(out + (matrix"),
    "tokens merged from another head": (encoder_layer_split, MERGE, MERGE[0], "const int head = col / size;\n", "const int head = (col / size) ^ 1;\n"),
}  # fmt: skip

VGPU_ONLY = {  # accesses out of bounds and races: a GPU may get away with them, or take the process with it
    "the bias of the neighbour",
    "a column too many",
    "lanes whose row is not there",
    "one partial sum for both reductions",
    "no barrier in the block's reduction",
}


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Make a launching function use a copy of the kernels in which one text is replaced."""

    def breaks(kernel, file, text, replacement):
        source, holder = kernel
        copy = tmp_path / "kernels"
        shutil.copytree(Path(kernels.__file__).parent, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        content = (copy / file).read_text()
        assert text in content, f"{file} no longer holds {text!r}: change this test"
        (copy / file).write_text(content.replace(text, replacement))
        module, _, name = holder.rpartition(".")
        expression = getattr(import_module(module), name).expression
        monkeypatch.setattr(holder, Kernel(str(copy / source), expression))

    return breaks


@pytest.mark.parametrize("what", BREAKAGES)
def test_a_broken_kernel_fails_some_case(what, broken, device):
    if what in VGPU_ONLY and not device.vgpu:
        pytest.skip("only the vgpu shows it every time")
    suite, kernel, file, text, replacement = BREAKAGES[what]
    broken(kernel, file, text, replacement)
    verdicts = (check(suite, case, device) for case in _small_cases(suite))
    failed = next((verdict for verdict in verdicts if not verdict.passed), None)
    assert failed, f"every case passed with {what}"
    assert failed.first or ".cu:" in failed.reason  # where the values differ, or the line of a fault


def _small_cases(suite):
    return [case for case in suite.cases() if case.tokens <= 64 and case.axes["dtype"] == "fp32"]
