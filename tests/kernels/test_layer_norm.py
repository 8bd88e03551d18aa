"""LayerNorm alone, and with the sum beside it: long rows, the bits that the three functions share, what they refuse."""

import pytest
import torch

from kernels.normalization.bias_residual_layer_norm import bias_residual_layer_norm, bias_residual_pre_norm
from kernels.normalization.layer_norm import layer_norm
from kernels.shapes import OperandError
from reference.normalization import layer_norm as reference

DTYPES = (torch.float16, torch.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [2, 33, 1021, 8200])
def test_rows_of_any_length(agree, random, dtype, cols):
    inputs = random(3, cols, dtype=dtype), random(cols, dtype=dtype), random(cols, dtype=dtype)
    agree(layer_norm, reference.layer_norm, *inputs, reduction=cols)


def test_a_row_far_off_centre_keeps_its_variance(random):
    x, weight, shift = random(4, 768) + 1000.0, random(768), random(768)
    exact = reference.layer_norm(x.double(), weight.double(), shift.double())
    assert (layer_norm(x, weight, shift).double() - exact).abs().max() < 1e-3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [96, 33000])
def test_the_norm_beside_the_sum_is_the_norm_alone(random, dtype, cols):
    x, residual = random(3, cols, dtype=dtype), random(3, cols, dtype=dtype)
    bias, weight, shift = (random(cols, dtype=dtype) for _ in range(3))
    _, norm = bias_residual_pre_norm(x, bias, residual, weight, shift)
    assert torch.equal(norm, bias_residual_layer_norm(x, bias, residual, weight, shift))


def test_the_sum_is_rounded_once(random):
    x, residual, bias, one = (random(*shape, dtype=torch.float16) for shape in ((5, 64), (5, 64), (64,), (64,)))
    total, _ = bias_residual_pre_norm(x, bias, residual, one, one)
    assert torch.equal(total, (x.float() + (bias.float() + residual.float())).half())


def test_no_rows_give_empty_outputs(random):
    assert layer_norm(random(0, 64), random(64), random(64)).shape == (0, 64)
    outputs = bias_residual_pre_norm(random(0, 64), random(64), random(0, 64), random(64), random(64))
    assert [output.shape for output in outputs] == [(0, 64), (0, 64)]


def test_a_weight_of_another_length_is_refused(random):
    with pytest.raises(OperandError, match=r"layer_norm: weight has shape \(32,\), expected \(64,\)"):
        layer_norm(random(2, 64), random(32), random(64))
