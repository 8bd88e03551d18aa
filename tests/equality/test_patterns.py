"""What bad elements have in common, said in words."""

import pytest
import torch

from harness.equality.patterns import hints
from harness.equality.poison import poison


@pytest.fixture
def oracle():
    return torch.randn(8, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) + 0.1


def hinted(got, oracle, inputs=()):
    return hints(got.float(), oracle, (got.double() - oracle).abs() > 1e-5, inputs)


def changed(oracle, where, by=1.0):
    got = oracle.clone()
    got[where] += by
    return got


ALL = slice(None)

CASES = {
    "the tail": (lambda o: changed(o, (ALL, slice(37, None))), "columns >= 37 of 40: the tail of the rows"),
    "even columns": (lambda o: changed(o, (ALL, slice(0, None, 2))), "columns that are even, of 40"),
    "odd columns": (lambda o: changed(o, (ALL, slice(1, None, 2))), "columns that are odd, of 40"),
    "one of four": (lambda o: changed(o, (ALL, slice(3, None, 4))), "columns that are 3 modulo 4"),
    "the head": (lambda o: changed(o, (ALL, slice(0, 3))), "columns 0 to 2 of 40"),
    "last rows": (lambda o: changed(o, (slice(6, None), ALL)), "rows >= 6 of 8: the last rows"),
    "single rows": (lambda o: changed(o, ([1, 4], ALL)), "2 of 8 rows are wrong from end to end: 1, 4"),
    "row-constant": (lambda o: o + torch.arange(1, 9)[:, None], "the error is the same along each row"),
    "row factor": (lambda o: o * 1.02, "a multiple of the right one (the first by 1.02)"),
    "column-constant": (lambda o: o + torch.linspace(1, 2, 40), "the error is the same in every row"),
    "zero": (lambda o: o * 0, "the whole output is zero"),
    "constant": (lambda o: o * 0 + 2.5, "the whole output is 2.5"),
    "negated": (lambda o: -o, "the wrong sign everywhere"),
    "a column further": (lambda o: o.roll(1, dims=1), "the right values 1 columns to the right"),
    "rows further": (lambda o: o.roll(-2, dims=0), "the right rows stand 2 rows above their places"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_pattern_is_named_first(name, oracle):
    make, words = CASES[name]
    assert words in hinted(make(oracle), oracle)[0]


def test_an_output_that_is_an_input_is_named(oracle):
    x = torch.randn(8, 40)
    assert "equals the input of its shape, number 2 of 2" in hinted(x, oracle, [torch.randn(8, 40), x])[0]


def test_elements_that_were_never_written_are_counted(oracle):
    got = oracle.float()
    poison(got[2:4])
    found = hints(got, oracle, got.isnan(), ())
    assert "80 of 320 elements were never written" in found[0]
    assert "2 of 8 rows are wrong from end to end: 2, 3" in found[1]


def test_noise_has_no_pattern(oracle):
    assert hinted(oracle + torch.randn(8, 40, generator=torch.Generator().manual_seed(1)), oracle) == ()


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (1, 1, 1)])
def test_any_shape_is_looked_at(shape):
    assert len(hinted(torch.full(shape, 2.0), torch.zeros(shape).double())) <= 3
