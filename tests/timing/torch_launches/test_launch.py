"""Flops and bytes of a launch."""

import pytest
import torch

from harness.timing.torch_launches.composed import launches_of
from harness.timing.torch_launches.launch import Copy, Memset, dram_bytes, flops
from harness.vgpu import gpus


@pytest.fixture
def only(meta):
    def of(function):
        (launch,) = launches_of(function, gpus.load("A100"))
        return launch

    return of


def test_a_product_has_two_flops_for_each_pair(only, meta):
    product = only(lambda: meta(2, 8, 16) @ meta(2, 16, 4))
    assert flops(product) == 2 * 2 * 8 * 16 * 4
    assert dram_bytes(product) == 4 * 2 * (8 * 16 + 16 * 4 + 8 * 4)


def test_a_kernel_has_its_instructions_a_lane(only, meta):
    added = only(lambda: meta(1024) + meta(1024))
    assert (flops(added), dram_bytes(added)) == (1024, 3 * 4096)


def test_an_optimizer_reads_and_writes_its_state(only, meta):
    state = [[meta(1024)] for _ in range(4)]
    step = only(
        lambda: torch._fused_adamw_(
            *state,
            [],
            [meta(1)],
            lr=0.1,
            beta1=0.9,
            beta2=0.99,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
    )
    assert dram_bytes(step) == (4 + 3) * 4096


def test_copies_and_memsets_have_bytes_and_no_flops():
    assert [(flops(each), dram_bytes(each)) for each in (Copy("D2D", 8), Copy("H2D", 8), Memset(8))] == [
        (0, 16),
        (0, 8),
        (0, 8),
    ]
