"""Families of inputs: what each holds, where it applies, and what may not be neutral."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.case import Case
from harness.equality import families
from harness.equality.check import check
from harness.errors import FuseproofError
from harness.selection import select
from harness.suite import suite
from harness.sweep import Sweep

VALUES = [name for name, family in families.FAMILIES.items() if family.kind == "values"]
LAYOUTS = [name for name, family in families.FAMILIES.items() if family.kind == "layout"]


def made(name, tensor, seed=0):
    case = Case("some", {"dtype": "fp16"}, seed)
    return families.apply(name, (tensor,), ("x",), {"x": (name.partition(":")[0],)}, case)[0]


@pytest.mark.parametrize("name", VALUES)
@settings(max_examples=15)
@given(shape=st.lists(st.integers(0, 5), max_size=3), dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32]))  # fmt: skip
def test_values_keep_shape_and_dtype_and_depend_on_the_seed_alone(name, shape, dtype):
    tensor = torch.zeros(shape, dtype=dtype)
    one, other = made(name, tensor), made(name, tensor)
    assert (one.shape, one.dtype) == (tensor.shape, dtype)
    assert torch.equal(one.nan_to_num(), other.nan_to_num())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_each_family_holds_what_its_name_says(dtype):
    x = torch.zeros(6, 40, dtype=dtype)
    largest, normal = torch.finfo(dtype).max, torch.finfo(dtype).smallest_normal
    assert made("near-overflow", x).abs().min() > 0.2 * largest
    assert made("near-overflow", x).isfinite().all()
    assert 0 < made("denormal", x).abs().double().min() <= made("denormal", x).abs().double().max() < normal
    assert (made("constant", x) == made("constant", x)[:, :1]).all()
    assert len(made("constant", x)[:, 0].unique()) > 1
    assert (made("one-hot", x) != 0).sum(dim=-1).tolist() == [1] * 6
    assert (made("sorted", x).diff(dim=-1) >= 0).all()
    assert (made("alternating", x)[:, ::2] >= 0).all()
    assert (made("alternating", x)[:, 1::2] <= 0).all()
    assert made("infinite", x).isinf().any(dim=-1).tolist() == [True, False] * 3
    assert made("nan", x).isnan().any(dim=-1).tolist() == [True, False] * 3
    assert made("minus-infinity-rows", x).isneginf().all(dim=-1).tolist() == [True, False] * 3
    assert made("minus-infinity", x).isneginf().any()
    assert not made("minus-infinity", x).isneginf().all(dim=-1).any()


def test_masks_hide_nothing_everything_whole_rows_or_all_but_one():
    mask = torch.zeros(4, 1, 1, 9, dtype=torch.bool)
    assert not made("mask-none", mask).any()
    assert made("mask-all", mask).all()
    assert made("mask-rows", mask).all(dim=-1).flatten().tolist() == [True, False, True, False]
    assert (~made("mask-all-but-one", mask)).sum(dim=-1).flatten().tolist() == [1] * 4


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "zero-rows"])
@settings(max_examples=15)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_layouts_keep_the_values(name, shape):
    tensor = torch.randn(shape)
    assert torch.equal(made(name, tensor), tensor)


def test_layouts_are_what_kernels_stumble_over():
    tensor = torch.randn(4, 6)
    misaligned = made("misaligned", tensor)
    assert misaligned.is_contiguous()
    assert misaligned.data_ptr() % 8 == 4
    assert made("strided", tensor).stride() == (12, 2)
    assert made("wide-rows", tensor).stride() == (14, 1)
    assert made("transposed", tensor).stride() == (1, 4)
    assert made("zero-rows", tensor).shape == (0, 6)


def two_arguments(fused=lambda x, bias: x + bias, **declared):
    @suite(fused=fused, reference=lambda x, bias: x + bias, sweep=Sweep(batch=2, dtype="fp32"), families=declared)
    def added(case):
        return case.randn(case.batch, 8), case.randn(8)

    return added


def test_a_family_replaces_only_the_arguments_that_declare_it():
    added = two_arguments(x=("sorted", "misaligned"), bias=("misaligned", "sorted"))
    assert added.family_names() == ("sorted", "misaligned:x", "misaligned:bias")
    plain = added.inputs(added.cases()[0])
    x, bias = added.inputs(Case("added", added.cases()[0].axes, 0, "misaligned:bias"))
    assert torch.equal(x, plain[0])
    assert x.data_ptr() % 64 == 0
    assert bias.data_ptr() % 8 == 4


def test_what_is_selected_by_default_and_by_name():
    added = two_arguments(x=("sorted", "nan"), bias=("sorted",))
    assert [job.case.name for job in select(family="few").jobs([added])] == ["fp32-b2", "fp32-b2-sorted", "fp32-b2-nan"]
    assert [job.case.name for job in select(family="nan:x").jobs([added])] == ["fp32-b2-nan:x"]
    assert [job.case.name for job in select().jobs([added])] == ["fp32-b2"]
    with pytest.raises(FuseproofError, match="no family of inputs is called 'nana': there are uniform, large"):
        select(family="nana")
    with pytest.raises(FuseproofError, match="no case of added matches ''"):
        select(family="nan:bias").jobs([added])


@pytest.mark.parametrize("family", ["strided:x", "transposed:x"])
def test_a_view_is_supported_or_refused_in_a_sentence_but_never_wrong(family, plain_device):
    def refuses(x, bias):
        if not x.is_contiguous():
            raise FuseproofError("x is not contiguous; call .contiguous() on it")
        return x + bias

    def crashes(x, bias):
        return x.view(-1).view(x.shape) + bias

    def wrong(x, bias):
        return torch.as_strided(x, x.shape, (x.shape[1], 1)) + bias

    def verdict(fused):
        added = two_arguments(fused, x=("strided", "transposed"))
        return check(added, Case("added", added.cases()[0].axes, 0, family), plain_device)

    assert verdict(lambda x, bias: x + bias).passed
    assert verdict(refuses).notes == ("refused: x is not contiguous; call .contiguous() on it",)
    assert family == "strided:x" or "raised RuntimeError" in verdict(crashes).reason
    assert "never written" in verdict(wrong).hints[0] if family == "strided:x" else not verdict(wrong).passed


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((torch.zeros(3),), "x is 0 everywhere"),
        ((torch.ones(3),), "x is 1 everywhere"),
        ((torch.zeros(3, dtype=torch.bool),), "x is the same everywhere"),
        (([torch.randn(3), torch.ones(2)],), r"x\[1\] is 1 everywhere"),
        ((torch.randn(3), 1.0), "scale is 1: a kernel that ignores it would pass"),
    ],
)
def test_neutral_arguments_are_refused(inputs, message):
    with pytest.raises(FuseproofError, match=message):
        families.require_not_neutral(inputs, ("x", "scale"))


def test_ordinary_arguments_are_not_neutral():
    families.require_not_neutral((torch.randn(3), torch.full((2,), 0.5), torch.tensor([True, False]), 2, 0.125), ("x",))
