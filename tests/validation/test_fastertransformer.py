"""FasterTransformer's layer as launches: as many as its source makes, with shapes and traffic that one can count by hand."""

from math import prod

import pytest

from harness.timing.torch_launches.launch import Kernel, MatrixProduct
from harness.validation.fastertransformer import layer
from harness.vgpu import gpus
from harness.vgpu.occupancy import occupancy


def launches(dtype="fp16", batch=8, seq=128):
    return [launch for operation in layer(dtype, batch, seq) for launch in operation.launches]


def named(name, **size):
    return next(launch for launch in launches(**size) if launch.name == name)


@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
@pytest.mark.parametrize("seq", [32, 128])
def test_a_layer_is_eight_products_and_six_kernels(dtype, seq):
    made = launches(dtype, 8, seq)
    assert sum(isinstance(launch, MatrixProduct) for launch in made) == 8
    assert sum(isinstance(launch, Kernel) for launch in made) == 6


def test_a_layer_waits_twice_for_the_device():
    assert sum(operation.waits for operation in layer("fp16", 1, 32)) == 2


def test_the_products_compute_what_a_bert_layer_needs():
    tokens = 8 * 128
    flops = sum(2 * it.m * it.n * it.k * it.batch for it in launches() if isinstance(it, MatrixProduct))
    dense = 2 * tokens * (4 * 768 * 768 + 2 * 768 * 3072)
    attention = 2 * 2 * 8 * 12 * 128 * 128 * 64
    assert flops == dense + attention


@pytest.mark.parametrize(("dtype", "item"), [("fp16", 2), ("fp32", 4)])
def test_kernels_move_each_tensor_once(dtype, item):
    hidden, scores = 8 * 128 * 768 * item, 8 * 12 * 128 * 128 * item
    moved = {launch.name: launch.traffic.dram_read + launch.traffic.dram_write for launch in launches(dtype) if isinstance(launch, Kernel)}  # fmt: skip
    assert moved["add_QKV_bias"] == pytest.approx(6 * hidden, rel=0.01)
    assert moved["transpose"] == 2 * hidden
    assert moved["add_bias_act"] == pytest.approx(8 * hidden, rel=0.01)
    assert moved["add_bias_input_layernorm"] == pytest.approx(3 * hidden, rel=0.01)
    assert moved["softmax_kernel_v3"] == pytest.approx(2 * scores + 8 * 128 * 128 * item, rel=0.01)


def test_the_activation_starts_a_block_every_four_rows():
    few = named("add_bias_act", batch=1, seq=32)
    assert (few.grid[0], few.block[0], few.load_rounds) == (8, 768, 8)
    assert named("add_bias_act", dtype="fp32", batch=1, seq=32).load_rounds == 16


@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
@pytest.mark.parametrize("name", gpus.names())
def test_every_kernel_fits_on_every_gpu(name, dtype):
    gpu = gpus.load(name)
    for launch in launches(dtype):
        if isinstance(launch, Kernel):
            assert occupancy(prod(launch.block), launch.registers, 0, gpu).blocks_per_sm > 0
