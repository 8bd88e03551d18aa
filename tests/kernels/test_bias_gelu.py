"""GELU(x + bias): odd sizes, odd addresses, both tails, and what it refuses."""

import pytest
import torch

from kernels.activation.bias_gelu import bias_gelu
from kernels.shapes import OperandError
from reference.activation import bias_gelu as reference

DTYPES = (torch.float16, torch.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [1, 7, 31, 33, 100, 767, 1021])
def test_rows_of_any_length(agree, random, dtype, cols):
    agree(bias_gelu, reference.bias_gelu, random(5, cols, dtype=dtype), random(cols, dtype=dtype))


@pytest.mark.parametrize("rows", [1, 4000])
def test_few_rows_and_more_than_one_for_each_thread(agree, random, rows):
    agree(bias_gelu, reference.bias_gelu, random(rows, 520), random(520))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_view_at_an_odd_offset_gives_the_bits_of_an_aligned_tensor(random, dtype):
    x, bias = random(1 + 6 * 64, dtype=dtype)[1:].view(6, 64), random(65, dtype=dtype)[1:]
    assert torch.equal(bias_gelu(x, bias), bias_gelu(x.clone(), bias.clone()))


def test_any_number_of_leading_dimensions(agree, random):
    agree(bias_gelu, reference.bias_gelu, random(2, 3, 5, 24), random(24))


def test_infinities_and_nan_come_out_as_from_the_reference(device):
    x = torch.tensor([[float("inf"), float("-inf"), float("nan"), 3e38, -3e38, 0.0, -0.0, 1e-30]]).to(device.torch)
    bias = torch.zeros(8, device=device.torch)
    assert torch.equal(bias_gelu(x, bias).nan_to_num(5.0), reference.bias_gelu(x, bias).nan_to_num(5.0))


def test_no_rows_and_no_columns_give_an_empty_output(random):
    assert bias_gelu(random(0, 64), random(64)).shape == (0, 64)
    assert bias_gelu(random(3, 0), random(0)).shape == (3, 0)


def test_a_bias_of_another_length_is_refused(random):
    with pytest.raises(OperandError, match=r"bias_gelu: bias has shape \(32,\), expected \(64,\)"):
        bias_gelu(random(2, 64), random(32))


def test_a_bias_of_another_dtype_is_refused(random):
    with pytest.raises(OperandError, match=r"bias_gelu: bias is torch\.float16, expected torch\.float32"):
        bias_gelu(random(2, 64), random(64, dtype=torch.float16))


def test_a_transposed_input_is_refused(random):
    with pytest.raises(OperandError, match=r"bias_gelu: x is not contiguous"):
        bias_gelu(random(64, 2).t(), random(64))
