"""Rows of a table: what a full run would count and model, without its numbers."""

import pytest

from harness.case import Case
from harness.originals import cells
from harness.originals.tables import Original
from harness.sweep import Sweep
from harness.timing import profile
from tests.devices import vgpu_or_skip

SEARCH = Sweep(batch=16, seq=4, beam=4, layers=1, vocabulary=5000, memory=3)  # more blocks than are run of each launch
TABLE = Original("some", "Some layers", "encoder_layer_split", Sweep(batch=2, seq=17, heads=4, size=32), "vgpu:T4")


@pytest.fixture(scope="module")
def device():
    return vgpu_or_skip("times of a GPU differ from run to run")


@pytest.fixture(scope="module")
def rows(device):
    return list(cells.rows(TABLE, device))


def test_a_row_a_case_in_the_order_of_the_sweep(rows):
    assert [row.case for row in rows] == ["fp16-b2-s17-heads4-size32", "fp32-b2-s17-heads4-size32"]


def test_of_small_sizes_all_blocks_are_counted_and_times_are_those_of_a_full_run(rows, device):
    suite = cells.suite_of(TABLE)
    inputs = suite.inputs(Case(suite.name, next(iter(TABLE.sweep))))
    for function, found in ((suite.reference, rows[0].reference), (suite.fused, rows[0].fused)):
        full = profile(function, inputs, name="full", device=device)
        assert found.launches == full.launches
        assert found.busy_us == pytest.approx(full.busy_us, rel=0.02)  # masks decide which pages of memory are read


def test_the_graph_launches_the_same_in_one_submission(rows):
    for row in rows:
        assert (row.graph.launches, row.graph.submissions) == (row.fused.launches, 1)


def test_the_keyword_keeps_cases_by_their_id(device):
    assert [row.case for row in cells.rows(TABLE, device, "fp32")] == ["fp32-b2-s17-heads4-size32"]


def test_a_search_whose_kernels_run_in_part_launches_what_a_full_run_does(device):
    table = Original("search", "A search", "decoding", SEARCH, "vgpu:T4")
    (row,) = cells.rows(table, device, "fp16")
    suite = cells.suite_of(table)
    inputs = suite.inputs(Case(suite.name, next(iter(SEARCH))))
    for function, found in ((suite.reference, row.reference), (suite.fused, row.fused)):
        full = profile(function, inputs, name="full", device=device)
        assert (found.launches, found.copies) == (full.launches, full.copies)
