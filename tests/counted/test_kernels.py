"""Launches of a function, put together by kernel, with what they take of the GPU."""

from __future__ import annotations

import pytest
import torch

from harness.counted import count, count_case
from harness.discovery import find_suites
from harness.errors import FuseproofError
from tests.counted.conftest import doubled, turned


def test_launches_of_one_kernel_and_shape_are_added_up(both):
    assert [(kernel.name, kernel.launches) for kernel in both.kernels] == [("doubled", 2), ("turned", 1)]
    assert both.kernels[0].counters.blocks == 2 * 32
    assert both.counters.blocks == 2 * 32 + 4


def test_efficiency_is_that_of_each_kernel(both):
    good, bad = (kernel.efficiency for kernel in both.kernels)
    assert (good.sector, good.active_lanes, good.conflict_free) == (1, 1, None)
    assert (bad.sector_read, bad.sector_written) == (4 / 32, 1)
    assert bad.conflict_free == 2 / 33  # a store of one wavefront, a load of 32


def test_registers_and_spills_are_those_of_ptxas(both):
    for kernel in both.kernels:
        assert kernel.resources.registers == kernel.registers > 0
        assert kernel.resources.spill_bytes == 0
    assert both.kernels[1].shared_bytes == both.kernels[1].resources.shared_bytes == 32 * 32 * 4


def test_occupancy_has_its_limit_and_waves(both):
    kernel = both.kernels[1]
    assert (kernel.occupancy.blocks_per_sm, kernel.occupancy_share) == (1, 1.0)  # 1024 threads fill a T4's SM
    assert kernel.waves == 4 / 40


def test_traffic_is_compared_with_inputs_and_outputs_once(device):
    run = count(doubled, [torch.ones(64, 64)], device)
    assert run.compulsory_bytes == 2 * 64 * 64 * 4
    assert run.traffic == run.l2_traffic == 1


def test_what_goes_through_memory_between_kernels_is_traffic_beyond_that(both):
    assert both.traffic == 3


def test_of_a_view_its_elements_are_compulsory(device):
    base = torch.ones(64, 64)
    assert count(doubled, [base[:32]], device).compulsory_bytes == 2 * 32 * 64 * 4


def test_memory_moves_whole_sectors(device):
    run = count(doubled, [torch.ones(3)], device)
    assert run.compulsory_bytes == run.counters.dram_bytes == 2 * 32


def test_memory_that_two_inputs_share_is_read_once(device):
    x = torch.ones(64, 64)
    assert count(lambda a, b: doubled(a), [x, x.view(-1)], device).compulsory_bytes == 2 * 64 * 64 * 4


def test_traffic_is_withheld_where_an_output_lies_in_an_input(device):
    def in_place(x):
        turned(x)
        return x

    run = count(in_place, [torch.ones(64, 64)], device)
    assert (run.traffic, run.compulsory_bytes) == (None, None)
    assert run.withheld == "outputs lie in inputs, and how much of those must be read is not known"


def test_traffic_is_withheld_where_torch_moves_data_as_well(device):
    run = count(lambda x: turned(x + x), [torch.ones(64, 64)], device)
    assert [kernel.name for kernel in run.kernels] == ["turned"]
    assert (run.traffic, run.withheld) == (None, "torch's own operators move a part of the data")


def test_a_sample_says_how_many_blocks_it_is_of(device):
    kernel = count(doubled, [torch.ones(64, 64)], device, sample=5).kernels[0]
    assert (kernel.counters.sampled_blocks, kernel.counters.blocks) == (5, 32)
    assert kernel.counters.sectors == 2 * 64 * 64 * 4 / 32


def test_a_gpu_has_no_counters(plain_device):
    with pytest.raises(FuseproofError, match="doubled: counters come from the vgpu"):
        count(doubled, [torch.ones(4)], plain_device, name="doubled")


def test_a_case_of_a_suite_is_counted_by_its_inputs(device):
    (suite,) = find_suites(["bias_gelu"])
    run = count_case(suite, suite.cases({"batch": (1,), "seq": (32,), "dtype": ("fp16",)})[0], device)
    assert run.name.startswith("bias_gelu[fp16-b1-s32")
    assert run.traffic == pytest.approx(1, abs=0.01)
