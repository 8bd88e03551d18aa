"""Arguments that a fused function writes into: what it returns of them is an output, the rest must stay."""

import pytest
import torch

from harness.device import current
from harness.equality.check import check
from harness.errors import FuseproofError
from harness.suite import suite
from harness.sweep import Sweep

HALF = 64


def appended(cache, x):
    """What the cache holds once `x` has the place after the first half."""
    return torch.cat((cache[:HALF], 2 * x[None]))


def append(cache, x):
    cache[HALF] = 2 * x
    return cache[: HALF + 1]


def verdict_of(fused, device, writes=("cache",), given=lambda cache: cache):
    @suite(fused=fused, reference=appended, sweep=Sweep(batch=1, dtype="fp32"), writes=writes)
    def appends(case):
        return given(case.randn(2 * HALF, 8)), case.randn(8)

    return check(appends, appends.cases()[0], device)


def test_a_function_may_write_what_it_returns(plain_device):
    assert verdict_of(append, plain_device).passed


def test_it_finds_the_cache_as_it_was_at_every_run(plain_device):
    held = []

    def fused(cache, x):
        held.append(cache.clone())
        return append(cache, x)

    assert verdict_of(fused, plain_device).passed
    assert len(held) == 3  # the last one with other values
    assert torch.equal(held[0], held[1])


def test_the_cache_may_be_a_view(plain_device):
    assert verdict_of(append, plain_device, given=lambda cache: cache.view(HALF, 16).t()[:8].t().repeat(2, 1)).passed
    assert verdict_of(append, plain_device, given=lambda cache: cache.repeat(1, 2)[:, 3:11]).passed


def test_what_it_does_not_declare_it_may_not_write(plain_device):
    reason = verdict_of(append, plain_device, writes=()).reason
    assert "changed cache at [64, 0]: inputs are read only" in reason


def test_it_may_not_write_what_it_does_not_return(plain_device):
    def fused(cache, x):
        cache[HALF + 3] = 0.5
        return append(cache, x)

    assert "changed cache at [67, 0]: it may write only what it returns" in verdict_of(fused, plain_device).reason


def test_it_may_not_write_beside_a_view_of_the_cache():
    def fused(cache, x):
        cache.as_strided(cache.shape, cache.stride(), cache.storage_offset() + 8).fill_(0.5)
        return append(cache, x)

    reason = verdict_of(fused, current(), given=lambda cache: cache.repeat(1, 2)[:, :8]).reason
    assert "wrote beside cache, into the memory that it is a view of" in reason or "wrote behind cache" in reason


def test_a_cache_that_stays_as_it_was_is_wrong(plain_device):
    verdict = verdict_of(lambda cache, x: cache[: HALF + 1], plain_device)
    assert not verdict.passed
    assert verdict.first.index[0] == HALF


def test_an_argument_that_does_not_exist_cannot_be_declared(plain_device):
    with pytest.raises(FuseproofError, match=r"the reference has no such argument, but cache, x"):
        verdict_of(append, plain_device, writes=("keys",))
