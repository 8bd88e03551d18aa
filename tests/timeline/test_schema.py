"""The schema: every column with its dtype, whatever a source gives; times are integers."""

import numpy as np
import pandas as pd
import pytest

from harness.errors import FuseproofError
from harness.timeline.schema import FRAMES, UNKNOWN, Source, frame, timeline

SOURCE = Source("vgpu", "", "modelled", "virtual")


@pytest.mark.parametrize("name", FRAMES)
def test_an_empty_frame_has_every_column_with_its_dtype(name):
    made = getattr(timeline(SOURCE), name)
    assert {column: str(dtype) for column, dtype in made.dtypes.items()} == {
        column: spec.dtype for column, spec in FRAMES[name].items()
    }
    assert len(made) == 0


def test_what_a_source_does_not_say_is_unknown():
    row = frame("operations", {"kind": "kernel", "start": [5]}).iloc[0]
    assert (row["kind"], row["name"], row["start"], row["end"], row["correlation"]) == ("kernel", "", 5, UNKNOWN, 0)


def test_texts_come_as_lists_arrays_series_or_categories():
    given = [
        ["a", "b", "a"],
        np.array(["a", "b", "a"], object),
        pd.Series(["a", "b", "a"]),
        pd.Categorical(["a", "b", "a"]),
    ]
    for names in given:
        assert frame("calls", {"name": names})["name"].tolist() == ["a", "b", "a"]


def test_large_times_are_exact():
    stamp = 1_712_195_495_505_582_989
    assert frame("calls", {"start": np.array([stamp])})["start"].tolist() == [stamp]


def test_a_float_for_a_time_is_refused():
    with pytest.raises(FuseproofError, match=r"calls\.start holds float64, not integers"):
        frame("calls", {"start": [1.5]})


def test_an_unknown_column_is_refused_by_name():
    with pytest.raises(ValueError, match="calls have no column began: there are name, api, start"):
        frame("calls", {"began": [1]})


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="columns of calls are of different lengths"):
        frame("calls", {"start": [1], "end": [1, 2]})
