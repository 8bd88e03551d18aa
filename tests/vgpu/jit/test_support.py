"""The page of what the vgpu runs says what the rules say."""

from __future__ import annotations

import pytest

from harness.vgpu.jit.rules import support


def test_the_page_is_what_the_rules_give():
    assert support.PAGE.read_text() == support.page(), "run `python -m harness.vgpu.jit.rules.support`"


def test_every_family_of_rules_is_on_the_page():
    assert support.unlisted() == [], "give support.FAMILIES the opcodes and axes of these modules"


@pytest.mark.parametrize("form", ["fma.rn.f16x2", "setp.lt.f32", "shfl.sync.bfly.b32", "bar.warp.sync"])
def test_whole_forms_stand_on_the_page_as_they_are_written(form):
    assert f"`{form}`" in support.PAGE.read_text()


@pytest.mark.parametrize("form", ["ld.global.nc.v4.f32", "atom.global.add.f32", "cvt.rn.satfinite.e4m3x2.f32"])
def test_forms_by_their_parts_run(form):
    assert support.is_run(form)


@pytest.mark.parametrize(
    "form", ["tex.2d.v4.f32.f32", "wgmma.fence.sync.aligned", "tcgen05.alloc", "cp.async.bulk.commit_group"]
)
def test_what_stays_out_has_no_rule(form):
    assert not support.is_run(form)
