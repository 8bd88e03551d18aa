"""ReLU(x + bias): odd addresses, the values at which maxima go wrong, and what it refuses."""

import pytest
import torch

from kernels.activation.bias_relu import bias_relu
from kernels.shapes import OperandError
from reference.activation import bias_relu as reference


def test_infinities_and_nan_come_out_as_from_the_reference(device):
    x = torch.tensor([[float("inf"), float("-inf"), float("nan"), 3e38, -3e38, 0.0, -0.0, 1e-30]]).to(device.torch)
    bias = torch.zeros(8, device=device.torch)
    assert torch.equal(bias_relu(x, bias).nan_to_num(5.0), reference.bias_relu(x, bias).nan_to_num(5.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_view_at_an_odd_offset_gives_the_bits_of_an_aligned_tensor(random, dtype):
    x, bias = random(1 + 6 * 64, dtype=dtype)[1:].view(6, 64), random(65, dtype=dtype)[1:]
    assert torch.equal(bias_relu(x, bias), bias_relu(x.clone(), bias.clone()))


def test_no_rows_and_no_columns_give_an_empty_output(random):
    assert bias_relu(random(0, 64), random(64)).shape == (0, 64)
    assert bias_relu(random(3, 0), random(0)).shape == (3, 0)


def test_a_bias_of_another_length_is_refused(random):
    with pytest.raises(OperandError, match=r"bias_relu: bias has shape \(32,\), expected \(64,\)"):
        bias_relu(random(2, 64), random(32))
