"""Budgets: what is within them passes, what is beyond names kernel, figure and line."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from harness.counted import Budget, BudgetExceeded, count, require
from tests.counted.conftest import doubled, turned

STRICT = Budget(sector_efficiency=0.95, conflict_free=1, active_lanes=0.9, traffic=1.05, spill_bytes=0)


def test_a_good_kernel_keeps_a_strict_budget(device):
    require(count(doubled, [torch.ones(64, 64)], device), STRICT)


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        (Budget(sector_efficiency=0.95), "turned: sector efficiency 22.2%, 95.0% are wanted, mostly at kernels.cu:14 (tile"),
        (Budget(conflict_free=1), "turned: conflict-free share 6.1%, 100.0% are wanted, mostly at kernels.cu:16 (out"),
    ],
)  # fmt: skip
def test_a_bad_kernel_is_named_with_its_line(device, budget, sentence):
    with pytest.raises(BudgetExceeded, match="turns on vgpu") as raised:
        require(count(turned, [torch.ones(64, 64)], device, name="turns"), budget)
    assert sentence in str(raised.value)


def test_traffic_beyond_the_compulsory_is_named(both):
    with pytest.raises(BudgetExceeded, match=r"98,304 bytes of DRAM traffic, 3.000 times the 32,768 of inputs"):
        require(both, Budget(traffic=1.05))


def test_what_is_not_asked_for_is_not_looked_at(both):
    require(both, Budget())


def test_traffic_that_nobody_knows_keeps_no_budget(both):
    withheld = replace(both, compulsory_bytes=None, withheld="outputs lie in inputs")
    with pytest.raises(BudgetExceeded, match="no traffic is known to be compulsory, for outputs lie in inputs"):
        require(withheld, Budget(traffic=2))


def test_spills_that_nobody_knows_keep_no_budget(both):
    unknown = replace(both, kernels=tuple(replace(kernel, resources=None) for kernel in both.kernels))
    with pytest.raises(BudgetExceeded, match="doubled: nobody knows what it spills"):
        require(unknown, Budget(spill_bytes=0))


def test_spills_beyond_the_budget_are_named(both):
    first = both.kernels[0]
    spilling = replace(first, resources=replace(first.resources, spill_store_bytes=8, spill_load_bytes=16))
    with pytest.raises(BudgetExceeded, match="doubled: 24 bytes spilled a thread, 0 are allowed"):
        require(replace(both, kernels=(spilling,)), Budget(spill_bytes=0))


def test_a_function_that_launches_nothing_keeps_no_budget(device):
    with pytest.raises(BudgetExceeded, match="it launched no kernel through PyCUDA"):
        require(count(torch.neg, [torch.ones(4)], device), Budget())
