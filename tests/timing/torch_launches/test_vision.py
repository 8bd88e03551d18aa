"""Convolutions and normalisations: what is cuDNN's, and what is added around it."""

import pytest
import torch
import torch.nn.functional as F


def test_a_convolution_is_assumed_to_be_one_product_and_its_bias_another_kernel(launched):
    image, weight, bias = torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3), torch.ones(4)
    product, added = launched(F.conv2d, image, weight, bias)
    assert product.name == "cudnn::implicit_gemm_fprop 72x4x27"
    assert "CUDAFunctor_add" in added.name
    assert len(launched(F.conv2d, image, weight)) == 1


def test_its_gradients_are_products_and_a_sum(names):
    image, weight, bias = (torch.ones(s, requires_grad=True) for s in ((2, 3, 8, 8), (4, 3, 3, 3), (4,)))
    out = F.conv2d(image, weight, bias)
    gradient = torch.ones_like(out)
    found = names(lambda: torch.autograd.grad(out, [image, weight, bias], gradient))
    assert found == ["cudnn::implicit_gemm_dgrad 72x27x4", "cudnn::implicit_gemm_wgrad 27x4x72", "reduce_kernel"]


NATIVE = ["batch_norm_collect_statistics_kernel", "batch_norm_calc_invstd", "batch_norm_transform_input_kernel"]


@pytest.mark.parametrize(
    ("shape", "dtype", "training", "kernels"),
    [
        ((2, 4, 8, 8), torch.float32, True, ["cudnn::bn_fw_tr_1C11_kernel_NCHW"]),
        ((2, 4, 8, 8), torch.float32, False, ["cudnn::bn_fw_inf_1C11_kernel_NCHW"]),
        ((2, 4), torch.float32, True, NATIVE), ((2, 4), torch.float32, False, NATIVE[1:]),
        ((2, 4, 8), torch.bfloat16, True, NATIVE),
    ],
)  # fmt: skip
def test_batch_norm_is_cudnns_where_it_may_be(names, shape, dtype, training, kernels):
    statistics = [torch.ones(4, dtype=dtype) for _ in range(4)]
    image = torch.ones(shape, dtype=dtype)
    assert names(lambda: F.batch_norm(image, *statistics, training=training)) == kernels


@pytest.mark.parametrize(("affine", "kernels"), [(True, 3), (False, 2)])
def test_group_norm_has_a_kernel_for_its_parameters(names, affine, kernels):
    image, weight = torch.ones(2, 8, 4, 4), torch.ones(8)
    assert len(names(lambda: F.group_norm(image, 2, *([weight, weight] if affine else [])))) == kernels


@pytest.mark.parametrize(
    ("reduction", "kernels"),
    [
        ("none", ["nll_loss2d_forward_no_reduce_kernel"]),
        ("sum", ["FillFunctor", "FillFunctor", "nll_loss2d_forward_kernel"]),
        ("mean", ["FillFunctor", "FillFunctor", "nll_loss2d_forward_kernel", "nll_loss2d_forward_size_average_kernel"]),
    ],
)
def test_a_loss_over_pixels_adds_up_by_atomics(names, meta, reduction, kernels):
    chances, target = meta(2, 4, 8, 8), meta(2, 8, 8, dtype=torch.long)
    assert names(lambda: F.nll_loss(chances, target, reduction=reduction)) == kernels
