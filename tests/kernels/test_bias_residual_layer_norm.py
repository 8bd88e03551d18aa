"""LayerNorm(x + bias + residual): odd sizes, odd addresses, rows off centre, and what it refuses."""

import pytest
import torch

from kernels.normalization.bias_residual_layer_norm import bias_residual_layer_norm
from kernels.shapes import OperandError
from reference.normalization import bias_residual_layer_norm as reference

DTYPES = (torch.float16, torch.float32)


@pytest.fixture
def operands(random):
    def make(rows, cols, dtype=torch.float32):
        x, residual = random(rows, cols, dtype=dtype), random(rows, cols, dtype=dtype)
        return x, random(cols, dtype=dtype), residual, random(cols, dtype=dtype), random(cols, dtype=dtype)

    return make


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [2, 7, 31, 33, 100, 767, 1021, 2050])
def test_rows_of_any_length(agree, operands, dtype, cols):
    function = reference.bias_residual_layer_norm
    agree(bias_residual_layer_norm, function, *operands(5, cols, dtype), reduction=cols)


@pytest.mark.parametrize("cols", [8193, 33000])
def test_a_row_too_long_for_the_registers_of_a_block(agree, operands, cols):
    agree(bias_residual_layer_norm, reference.bias_residual_layer_norm, *operands(2, cols), reduction=cols)


def test_a_row_of_one_column_has_no_variance_and_becomes_the_shift(operands):
    x, bias, residual, weight, shift = operands(3, 1)
    assert torch.equal(bias_residual_layer_norm(x, bias, residual, weight, shift), shift.expand(3, 1))


def test_a_row_far_off_centre_keeps_its_variance(device, operands):
    x, bias, residual, weight, shift = operands(4, 768)
    far = residual + 1000.0
    exact = reference.bias_residual_layer_norm(*(t.double() for t in (x, bias, far, weight, shift)))
    error = (bias_residual_layer_norm(x, bias, far, weight, shift).double() - exact).abs().max()
    assert error < 1e-3  # adding in FP32 costs 2^-24 * 1000 an element; E[v^2] - E[v]^2 would cost 2^-24 * 1000^2


def test_epsilon_holds_constant_rows_finite(device):
    row, ones = torch.ones(2, 96, device=device.torch), torch.ones(96, device=device.torch)
    assert torch.equal(bias_residual_layer_norm(row, ones, row, ones, ones), torch.ones_like(row))


def test_epsilon_counts(operands):
    inputs = operands(2, 64)
    exact = reference.bias_residual_layer_norm(*inputs, 0.5)
    assert torch.allclose(bias_residual_layer_norm(*inputs, 0.5), exact, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_view_at_an_odd_offset(agree, random, operands, dtype):
    _, bias, residual, weight, shift = operands(6, 64, dtype)
    x = random(1 + 6 * 64, dtype=dtype)[1:].view(6, 64)
    function = reference.bias_residual_layer_norm
    agree(bias_residual_layer_norm, function, x, bias, residual, weight, shift, reduction=64)


def test_no_rows_give_an_empty_output(operands):
    assert bias_residual_layer_norm(*operands(0, 64)).shape == (0, 64)


def test_a_residual_of_another_shape_is_refused(operands):
    x, bias, residual, weight, shift = operands(4, 64)
    with pytest.raises(OperandError, match=r"residual has shape \(3, 64\), expected \(4, 64\)"):
        bias_residual_layer_norm(x, bias, residual[:3], weight, shift)
