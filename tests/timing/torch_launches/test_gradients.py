"""Backward operators: how many kernels a layer's gradient is, by its shape."""

import pytest
import torch
import torch.nn.functional as F

aten = torch.ops.aten


@pytest.mark.parametrize(
    ("columns", "kernel"),
    [(1024, "softmax_warp_backward"), (1025, "cunn_SoftMaxBackward"), (5, "softmax_warp_backward")],
)
def test_the_gradient_of_softmax_is_a_product_and_a_kernel_by_the_row(names, meta, columns, kernel):
    x = meta(8, columns)
    assert names(aten._softmax_backward_data, x, x, -1, x.dtype) == ["MulFunctor", kernel]
    assert names(aten._log_softmax_backward_data, x, x, -1, x.dtype) == [kernel]


def test_over_another_axis_than_the_last_it_is_spatial(names, meta):
    x = meta(8, 16)
    assert names(aten._log_softmax_backward_data, x, x, 0, x.dtype) == ["cunn_SpatialSoftMaxBackward"]


def norm(meta, rows, columns, wanted):
    x, gamma, row = meta(rows, columns), meta(columns), meta(rows, 1)
    return lambda: aten.native_layer_norm_backward(x, x, [columns], row, row, gamma, gamma, wanted)


@pytest.mark.parametrize(
    ("rows", "columns", "wanted", "kernels"),
    [
        (8, 64, (1, 1, 1), ["layer_norm_grad_input_kernel_vectorized", "GammaBetaBackwardCUDAKernelTemplate"]),
        (8, 63, (1, 1, 1), ["layer_norm_grad_input_kernel", "GammaBetaBackwardCUDAKernelTemplate"]),
        (8, 64, (1, 0, 0), ["layer_norm_grad_input_kernel_vectorized"]),
        (65_536, 64, (0, 1, 1), ["GammaBetaBackwardCUDAKernelTemplate"]),
        (65_537, 64, (0, 1, 1), ["GammaBetaBackwardCUDAKernelTemplate", "reduce_kernel", "reduce_kernel"]),
        (65_537, 108 * 32, (0, 1, 1), ["GammaBetaBackwardCUDAKernelTemplate"]),
    ],
)  # fmt: skip
def test_the_gradients_of_layer_norm(names, meta, rows, columns, wanted, kernels):
    found = names(norm(meta, rows, columns, [bool(each) for each in wanted]))
    assert [name for name in found if name != "Memset"] == kernels


@pytest.mark.parametrize(
    ("reduction", "forward", "backward"),
    [
        (0, ["FillFunctor", "nll_loss_forward_no_reduce_cuda_kernel"], "nll_loss_backward_no_reduce_cuda_kernel"),
        (1, ["nll_loss_forward_reduce_cuda_kernel_2d"], "nll_loss_backward_reduce_cuda_kernel_2d"),
    ],
)  # fmt: skip
def test_a_loss_over_targets_is_one_block_or_zeroed_first(names, meta, reduction, forward, backward):
    chances, target = meta(8, 10), meta(8, dtype=torch.long)
    assert names(lambda: aten.nll_loss_forward(chances, target, None, reduction, -100)) == forward
    total = meta()
    gradient = meta(8) if reduction == 0 else meta()
    found = names(lambda: aten.nll_loss_backward(gradient, chances, target, None, reduction, -100, total))
    assert found == ["FillFunctor", backward]


def test_an_elementwise_loss_is_reduced_afterwards(names, meta):
    x = meta(8, 8)
    assert names(F.mse_loss, x, x) == ["mse_kernel_cuda", "reduce_kernel"]
    assert names(lambda: F.mse_loss(x, x, reduction="none")) == ["mse_kernel_cuda"]


def test_the_gradients_of_a_linear_layer_are_two_products_and_a_sum(names):
    layer, x = torch.nn.Linear(16, 32), torch.ones(8, 16, requires_grad=True)
    out = layer(x)
    gradient = torch.ones_like(out)
    found = names(lambda: torch.autograd.grad(out, [x, layer.weight, layer.bias], gradient))
    assert sorted(name for name in found) == ["cublas_gemm", "cublas_gemm", "reduce_kernel"]


def test_the_gradient_of_silu_is_one_kernel_although_the_cpu_decomposes_it(names):
    x = torch.ones(64, requires_grad=True)
    assert "silu_backward_kernel" in names(lambda: F.silu(x).sum().backward())


def test_pooling_zeroes_its_gradient_first(names):
    image = torch.ones(1, 2, 8, 8, requires_grad=True)
    assert names(lambda: F.max_pool2d(image, 2)) == ["max_pool_forward_nchw"]
    found = names(lambda: F.max_pool2d(image, 2).sum().backward())
    assert found[found.index("max_pool_backward_nchw") - 1] == "FillFunctor"
