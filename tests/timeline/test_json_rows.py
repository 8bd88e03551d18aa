"""Rows of JSON from columns."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.timeline.json_rows import Microseconds, Number, Text, Where, rows

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


def written(pieces, count):
    return b"".join(rows(pieces, count)).decode()


def column(values):
    return np.array(values, np.int64)


@given(st.lists(INT64 | st.sampled_from([0, 9999, 10_000, 100_000_000, -1]), max_size=20))
def test_numbers_are_written_as_they_are(values):
    assert written([Number(column(values)), b"\n"], len(values)) == "".join(f"{value}\n" for value in values)


@given(st.lists(st.integers(-(1 << 61), 1 << 61) | st.integers(-2000, 2000), max_size=20))
def test_nanoseconds_are_microseconds_with_three_decimals(values):
    text = written([Microseconds(column(values)), b"\n"], len(values))
    assert [int(Decimal(line) * 1000) for line in text.split()] == values
    assert all(len(line.split(".")[1]) == 3 for line in text.split())


@given(st.lists(st.text(), min_size=1, max_size=10))
def test_texts_are_strings_of_json(values):
    text = written(
        [b",", Text(pd.Categorical(values, categories=pd.Index(dict.fromkeys(values), dtype=object)))], len(values)
    )
    assert json.loads(f"[{text[1:]}]") == values


def test_a_piece_that_a_row_lacks_leaves_nothing():
    present = np.array([True, False, True])
    assert written([b"<", Where(present, [b"x=", Number(column([1, -1, 333]))]), b">"], 3) == "<x=1><><x=333>"


def test_blocks_join(monkeypatch):
    monkeypatch.setattr("harness.timeline.json_rows._BLOCK", 7)
    values = list(range(0, 200_000, 9973))
    assert written([Number(column(values)), b" "], len(values)) == "".join(f"{value} " for value in values)


@pytest.mark.parametrize("pieces", [[b"x"], [Number(column([]))]])
def test_no_rows_are_no_text(pieces):
    assert written(pieces, 0) == ""
