"""A linear layer with ReLU: the values at which maxima go wrong, what it launches, odd addresses, what it refuses."""

import pytest
import torch

from kernels.activation.linear_relu import linear_relu
from kernels.shapes import OperandError
from reference.activation import linear_relu as reference


def test_infinities_and_nan_of_a_single_row_come_out_as_from_the_reference(device):
    weight = torch.tensor([[float("inf")], [float("-inf")], [float("nan")], [3e38], [-3e38], [0.0], [1e-30]])
    x, bias = torch.ones(1, 1, device=device.torch), torch.zeros(7, device=device.torch)
    weight = weight.to(device.torch)
    got, expected = linear_relu(x, weight, bias), reference.linear_relu(x, weight, bias)
    assert torch.equal(got.nan_to_num(5.0), expected.nan_to_num(5.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_single_row_at_odd_addresses_agrees_with_the_reference(agree, random, dtype):
    x, weight = random(1, 1 + 264, dtype=dtype)[:, 1:], random(1 + 37 * 264, dtype=dtype)[1:].view(37, 264)
    agree(linear_relu, reference.linear_relu, x, weight, random(38, dtype=dtype)[1:], reduction=264)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_no_inputs_leave_the_bias_and_no_outputs_nothing(random, rows):
    bias = random(5)
    assert torch.equal(linear_relu(random(rows, 0), random(5, 0), bias), bias.relu().expand(rows, 5))
    assert linear_relu(random(rows, 5), random(0, 5), random(0)).shape == (rows, 0)


@pytest.mark.parametrize("rows", [1, 2])
def test_operands_that_do_not_fit_are_refused_whatever_the_number_of_rows(random, rows):
    with pytest.raises(OperandError, match=r"linear_relu: x has shape \(\d, 32\), expected \(\d, 64\)"):
        linear_relu(random(rows, 32), random(8, 64), random(8))
    with pytest.raises(OperandError, match=r"linear_relu: bias has shape \(9,\), expected \(8,\)"):
        linear_relu(random(rows, 64), random(8, 64), random(9))
    with pytest.raises(OperandError, match=r"linear_relu: weight is not contiguous .* call \.contiguous\(\)"):
        linear_relu(random(rows, 64), random(64, 8).t(), random(8))
