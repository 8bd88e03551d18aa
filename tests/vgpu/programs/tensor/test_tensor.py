"""Tensor cores through nvcuda::wmma and through inline PTX, against products in double precision."""

import numpy as np
import pytest
import torch

from tests.vgpu.programs.build import compiled

ROW, COLUMN = 1, 0


def reals(shape, seed):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


@compiled("wmma_half", "sm_75", "sm_80", "sm_90")
@pytest.mark.parametrize(
    ("m", "n", "k", "a_layout", "b_layout", "dtype"),
    [
        (16, 16, 16, ROW, ROW, np.float32),
        (16, 16, 16, ROW, COLUMN, np.float32),
        (16, 16, 16, COLUMN, ROW, np.float16),
        (32, 8, 16, ROW, ROW, np.float32),
        (8, 32, 16, COLUMN, COLUMN, np.float16),
    ],
)
def test_fragments_of_every_shape_and_layout(program, m, n, k, a_layout, b_layout, dtype):
    a, b, c = reals((m, k), 1).astype(np.float16), reals((k, n), 2).astype(np.float16), reals((m, n), 3).astype(dtype)
    placed_a = a if a_layout == ROW else a.T.copy()
    placed_b = b if b_layout == ROW else b.T.copy()
    letter, error = {np.float32: ("f", 1e-5), np.float16: ("6__half", 1e-2)}[dtype]
    d = np.zeros((m, n), dtype)
    name = f"productILi{m}ELi{n}ELi{k}ELb{a_layout}ELb{b_layout}E{letter}E"
    program.launch(name, 1, 32, d, placed_a, placed_b, c)
    np.testing.assert_allclose(d, 2 * (a.astype(np.float64) @ b + c), rtol=error, atol=error)


@compiled("wmma_half", "sm_75", "sm_80")
def test_a_product_of_halves_through_shared_memory(program):
    a, b, c = (
        reals((64, 80), 4).astype(np.float16),
        reals((80, 128), 5).astype(np.float16),
        np.zeros((64, 128), np.float32),
    )
    program.launch("hgemm", (2, 1), 128, c, a, b, 128, 80)
    np.testing.assert_allclose(c, a.astype(np.float64) @ b, atol=1e-4)


@compiled("wmma_ampere", "sm_80", "sm_90")
def test_products_of_bfloat_tf32_and_double(program):
    a, b = (torch.from_numpy(reals((16, 16), seed)).bfloat16() for seed in (6, 7))
    d = np.zeros((16, 16), np.float32)
    program.launch("bfloat", 1, 32, d, *(part.view(torch.int16).numpy() for part in (a, b)))
    np.testing.assert_allclose(d, (a.double() @ b.double()).numpy() + 1, atol=1e-5)

    left, right = reals((16, 32), 8).astype(np.float32), reals((16, 32), 9).astype(np.float32)
    program.launch("tf32", 1, 32, d, left, right)
    np.testing.assert_allclose(d, left.astype(np.float64) @ right.T, atol=32 * 2**-10)

    left, right, wide = reals((8, 16), 10), reals((8, 16), 11), np.zeros((8, 8))
    program.launch("doubles", 1, 32, wide, left, right)
    np.testing.assert_allclose(wide, left @ right.T, rtol=1e-13, atol=1e-14)


@compiled("wmma_bytes", "sm_75", "sm_80", "sm_90")
def test_products_of_bytes_are_exact(program):
    rng = np.random.default_rng(12)
    for kernel, low, high, dtype, (m, n) in (
        ("unsigned_bytes", 0, 256, np.uint8, (32, 8)),
        ("signed_bytes", -128, 128, np.int8, (16, 16)),
    ):
        a, b = rng.integers(low, high, (m, 16)).astype(dtype), rng.integers(low, high, (n, 16)).astype(dtype)
        c, d = rng.integers(-1000, 1000, (m, n), dtype=np.int32), np.zeros((m, n), np.int32)
        program.launch(kernel, 1, 32, d, a, b, c)
        np.testing.assert_array_equal(d, a.astype(np.int64) @ b.T.astype(np.int64) + c)


@compiled("mma_inline", "sm_80", "sm_90")
def test_inline_ptx_loads_and_multiplies_fragments(program):
    a, b, d = (
        reals((16, 16), 13).astype(np.float16),
        reals((16, 8), 14).astype(np.float16),
        np.zeros((16, 8), np.float32),
    )
    program.launch("product", 1, 32, d, a, b)
    np.testing.assert_allclose(d, a.astype(np.float64) @ b + 0.5, atol=1e-5)
