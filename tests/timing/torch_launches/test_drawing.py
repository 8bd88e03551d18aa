"""Random numbers, dropout and samples."""

import pytest
import torch

DRAWN = "distribution_elementwise_grid_stride_kernel"


@pytest.mark.parametrize(
    "function",
    [
        lambda: torch.rand(5), lambda: torch.randn(5), lambda: torch.randint(0, 5, (5,)), lambda: torch.empty(5).normal_(),
        lambda: torch.empty(5).uniform_(), lambda: torch.empty(5).exponential_(), lambda: torch.empty(5).bernoulli_(0.5),
    ],
)  # fmt: skip
def test_random_numbers_are_one_kernel(names, function):
    assert names(function) == [DRAWN]


def test_no_more_blocks_than_the_gpu_holds(launched, meta):
    (kernel,) = launched(lambda: meta(1 << 28).uniform_())
    assert (kernel.grid, kernel.block) == ((108 * 8, 1, 1), (256, 1, 1))


def test_chances_that_are_a_tensor_are_read(names):
    assert names(torch.bernoulli, torch.rand(8)) == ["bernoulli_tensor_cuda_kernel"]


def test_one_sample_is_the_race_of_all(names):
    found = names(lambda p: p.multinomial(1), torch.rand(4, 100))
    checks = ["reduce_kernel", "CompareFunctor", "CompareFunctor", "BitwiseAndFunctor", "_assert_async_cuda_kernel"]
    assert found[:5] == checks
    assert found[-3:] == [DRAWN, "DivFunctor", "reduce_kernel"]
    assert "Memcpy DtoH" not in found


def test_samples_without_replacement_are_the_largest_of_the_race(names):
    assert names(lambda p: p.multinomial(3), torch.rand(4, 100))[-2:] == ["gatherTopK", "bitonicSortKVInPlace"]


def test_samples_with_replacement_search_the_running_sum(names):
    found = names(lambda p: p.multinomial(3, replacement=True), torch.rand(4, 100))
    assert found == [
        "Memcpy DtoD",
        "tensor_kernel_scan_innermost_dim",
        "renormRowsL1",
        "sampleMultinomialWithReplacement",
    ]


def test_a_short_permutation_comes_from_the_host(names):
    assert names(lambda: torch.randperm(29_999)) == ["Memcpy HtoD"]
    assert names(lambda: torch.randperm(30_000))[-1] == "randperm_handle_duplicate_keys_kernel"


@pytest.mark.parametrize(
    ("chance", "train", "kernels"),
    [
        (0.1, True, ["fused_dropout_kernel_vec"]), (0.0, True, ["Memcpy DtoD", "FillFunctor"]),
        (0.1, False, ["Memcpy DtoD", "FillFunctor"]), (1.0, True, ["FillFunctor", "FillFunctor"]),
    ],
)  # fmt: skip
def test_dropout_is_fused_where_something_is_dropped(names, chance, train, kernels):
    assert names(lambda x: torch.native_dropout(x, chance, train), torch.ones(64)) == kernels
