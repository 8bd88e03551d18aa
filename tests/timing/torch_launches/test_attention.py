"""Which back end attends, and what each of them launches."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from harness.timing.torch_launches.attention import Attention, back_end
from harness.vgpu import gpus

HALF, FLOAT, BFLOAT = torch.float16, torch.float32, torch.bfloat16


def attention(dtype, head=64, keys=32, **arguments):
    query = torch.empty(2, 4, 32, head, dtype=dtype, device="meta")
    key = torch.empty(2, 4, keys, head, dtype=dtype, device="meta")
    return Attention(query, key, key, **arguments)


MASK = torch.empty(32, 32, dtype=HALF, device="meta")


@pytest.mark.parametrize(
    ("gpu", "given", "chosen"),
    [
        ("A100", attention(HALF), "flash"), ("A100", attention(BFLOAT), "flash"), ("A100", attention(FLOAT), "efficient"),
        ("T4", attention(HALF), "efficient"), ("T4", attention(BFLOAT), "math"),
        ("A100", attention(HALF, mask=MASK), "efficient"),
        ("A100", attention(HALF, head=256), "flash"), ("A100", attention(HALF, head=264), "efficient"),
        ("A100", attention(HALF, head=260), "math"),
        ("A100", attention(HALF, keys=16), "flash"), ("A100", attention(HALF, keys=16, causal=True), "efficient"),
        ("A100", attention(FLOAT, head=66), "math"), ("T4", attention(FLOAT, head=66), "efficient"),
        ("A100", attention(torch.float64), "math"),
    ],
)  # fmt: skip
def test_the_back_end_is_chosen_by_dtype_mask_head_and_gpu(gpu, given, chosen):
    assert back_end(given, gpus.load(gpu)) == chosen


def test_gradients_of_wide_heads_are_not_flashs_on_smaller_ampere_gpus():
    ada = replace(gpus.load("A100"), compute_capability=(8, 9))
    wide = attention(HALF, head=200)
    assert (back_end(wide, ada), back_end(wide, ada, gradients=True)) == ("flash", "efficient")


def test_heads_that_are_no_multiple_of_eight_are_padded_for_flash(names, meta):
    query = meta(2, 4, 32, 60, dtype=HALF)
    padded = ["FillFunctor", "direct_copy_kernel_cuda"]
    assert names(F.scaled_dot_product_attention, query, query, query)[:-1] == padded * 3


def test_a_boolean_mask_becomes_one_that_is_added(names, meta):
    query, mask = meta(2, 4, 32, 64), meta(32, 32, dtype=torch.bool)
    found = names(lambda: F.scaled_dot_product_attention(query, query, query, mask))
    assert found[:-1] == ["FillFunctor", "FillFunctor", "where_kernel_impl"]


def test_the_math_back_end_is_the_operators_that_it_is_written_in(names, meta):
    query = meta(2, 4, 32, 66)
    found = names(F.scaled_dot_product_attention, query, query, query)
    products = [name for name in found if name.startswith("cublas_gemm")]
    assert len(products) == 2
    assert "softmax_warp_forward" in found


def test_gradients_of_flash_attention_are_three_kernels(names):
    query = torch.ones(2, 4, 32, 64, dtype=BFLOAT, requires_grad=True)
    found = names(lambda: F.scaled_dot_product_attention(query, query, query).sum().backward())
    flash = [name.split(" ")[0] for name in found if name.startswith("flash")]
    assert flash == [
        "flash_fwd_kernel", "flash_bwd_dot_do_o_kernel", "flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel",
        "flash_bwd_convert_dq_kernel",
    ]  # fmt: skip


def test_on_a_t4_the_memory_efficient_kernel_has_the_gradients(names):
    query = torch.ones(2, 4, 32, 64, dtype=HALF, requires_grad=True)
    found = names(lambda: F.scaled_dot_product_attention(query, query, query).sum().backward(), gpu="T4")
    assert [name.split(" ")[0] for name in found if name.startswith("fmha")] == ["fmha_cutlassF", "fmha_cutlassB"]
