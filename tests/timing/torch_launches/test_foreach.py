"""Operators on lists of tensors: when one kernel is full and another begins."""

import pytest
import torch

APPLY = "multi_tensor_apply_kernel"


def test_a_list_is_one_kernel(launched, meta):
    (kernel,) = launched(torch._foreach_add_, [meta(100), meta(70_000)], [meta(100), meta(70_000)])
    assert kernel.name == "multi_tensor_apply_kernel<_foreach_add_>"
    assert (kernel.grid, kernel.block) == ((3, 1, 1), (512, 1, 1))  # a chunk, and two


@pytest.mark.parametrize(("tensors", "kernels"), [(770, 1), (771, 2), (1540, 2), (1541, 3)])
def test_a_kernel_takes_so_many_tensors(names, meta, tensors, kernels):
    assert names(torch._foreach_mul_, [meta(4)] * tensors, 2.0) == [APPLY] * kernels


def test_with_more_lists_it_takes_fewer(names, meta):
    tensors = [meta(4)] * 449
    assert names(torch._foreach_add_, tensors, tensors) == [APPLY] * 2


def test_a_tensor_of_many_chunks_goes_on_in_the_next_kernel(launched, meta):
    first, second = launched(torch._foreach_mul_, [meta(2241 * 65_536)], 2.0)
    assert (first.grid, second.grid) == ((2240, 1, 1), (1, 1, 1))


def test_empty_tensors_have_no_chunk(names, meta):
    assert names(torch._foreach_mul_, [meta(0)], 2.0) == []


def test_tensors_of_several_dtypes_are_operators_of_their_own(names, meta):
    tensors = [meta(4), meta(4, dtype=torch.float16)]
    assert names(torch._foreach_mul_, tensors, 2.0) == ["MulFunctor", "MulFunctor"]


def test_norms_are_partial_sums_and_their_sums(names, meta):
    assert names(torch._foreach_norm, [meta(100), meta(70_000)]) == ["FillFunctor", APPLY, "lpnorm_cleanup"]


def test_norms_of_another_order_are_reductions(names, meta):
    assert names(torch._foreach_norm, [meta(100), meta(200)], 3) == ["reduce_kernel", "reduce_kernel"]


@pytest.mark.parametrize(("optimizer", "kernels"), [
    ("AdamW", [APPLY, APPLY]), ("Adam", [APPLY, APPLY]), ("SGD", [APPLY]), ("Adagrad", [APPLY, APPLY]),
])  # fmt: skip
def test_a_fused_optimizer_is_one_kernel_after_its_steps(names, optimizer, kernels):
    parameters = [torch.nn.Parameter(torch.ones(100)), torch.nn.Parameter(torch.ones(200))]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    stepping = getattr(torch.optim, optimizer)(parameters, lr=0.1, fused=True)
    stepping.step()  # makes its state
    assert names(stepping.step) == kernels


def test_clipping_gradients_is_norms_their_norm_and_a_product(names):
    parameters = [torch.nn.Parameter(torch.ones(100)), torch.nn.Parameter(torch.ones(200))]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    found = names(lambda: torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True))
    assert found[:4] == ["FillFunctor", APPLY, "lpnorm_cleanup", "CatArrayBatchedCopy_alignedK_contig"]
    assert found[-1] == APPLY


def test_a_gradient_scaler_checks_all_gradients_in_one_kernel(names, meta):
    gradients, found, scale = [meta(100), meta(200)], meta(1), meta(1)
    assert names(torch._amp_foreach_non_finite_check_and_unscale_, gradients, found, scale) == [APPLY]
    grown = meta(1, dtype=torch.int32)
    assert names(torch._amp_update_scale_, scale, grown, found, 2.0, 0.5, 100) == ["amp_update_scale_cuda_kernel"]
