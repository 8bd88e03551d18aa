"""Elementwise operators whose arguments decide, and operators that PyTorch defines by elementwise ones."""

import pytest
import torch


@pytest.mark.parametrize(
    ("exponent", "kernels"), [(2, ["pow_tensor_scalar_kernel_impl"]), (1, ["Memcpy DtoD"]), (0, ["FillFunctor"])]
)
def test_a_power_of_one_is_a_copy_and_of_zero_a_fill(names, meta, exponent, kernels):
    assert names(lambda: meta(64) ** exponent) == kernels


def test_a_power_of_tensors_is_one_kernel(names, meta):
    assert names(lambda: meta(64) ** meta(64)) == ["pow_tensor_scalar_kernel_impl"]


@pytest.mark.parametrize(
    ("function", "kernels"),
    [
        (torch.isinf, ["AbsFunctor", "CompareEqFunctor"]),
        (torch.isfinite, ["AbsFunctor", "CompareEqFunctor", "CompareEqFunctor", "MulFunctor"]),
        (torch.isnan, ["CompareEqFunctor"]),
        (lambda x: torch.equal(x, x), ["CompareEqFunctor", "reduce_kernel", "Memcpy DtoH"]),
        (torch.trace, ["reduce_kernel"]),
        (lambda x: torch.nn.functional.pad(x, (1, 1)), ["FillFunctor", "direct_copy_kernel_cuda"]),
        (torch.count_nonzero, ["CompareEqFunctor", "direct_copy_kernel_cuda", "reduce_kernel"]),
    ],
)
def test_operators_that_are_defined_by_others_launch_theirs(names, function, kernels):
    assert names(function, torch.ones(8, 8)) == kernels


def test_masks_and_integers_are_cast_before_they_are_added_up(names, meta):
    assert names(lambda: meta(8, 8, dtype=torch.bool).sum(-1)) == ["direct_copy_kernel_cuda", "reduce_kernel"]
    assert names(lambda: meta(8, 8, dtype=torch.int32).sum(-1)) == ["direct_copy_kernel_cuda", "reduce_kernel"]
    assert names(lambda: meta(8, 8, dtype=torch.float16).sum(-1, dtype=torch.float32)) == ["reduce_kernel"]
    assert names(lambda: meta(8, 8, dtype=torch.bool).any(-1)) == ["reduce_kernel"]


def test_an_in_place_form_may_be_a_kernel_where_its_function_is_defined_by_others(names, meta):
    target, index, values = meta(8), meta(2, dtype=torch.long), meta(2)
    assert names(lambda: target.put_(index, values)) == ["put_kernel"]
    assert names(lambda: target.put(index, values)) == ["Memcpy DtoD", "put_kernel"]


def test_halves_of_a_gated_unit_are_one_kernel(names, meta):
    assert names(lambda: torch.nn.functional.glu(meta(8, 64))) == ["glu_kernel"]
