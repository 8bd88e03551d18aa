"""The tables of the originals: each names a suite that exists, axes that it has, and figures that were published."""

import pytest

from harness.case import Case
from harness.errors import FuseproofError
from harness.originals import cells
from harness.originals.tables import TABLES, original


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_its_suite_exists_and_makes_inputs_of_its_axes(table):
    suite = cells.suite_of(table)
    assert {frozenset(axes) for axes in table.sweep} == {frozenset(axes) for axes in suite.sweep}


@pytest.mark.parametrize("table", [each for each in TABLES.values() if each.published], ids=lambda table: table.name)
def test_its_published_figures_belong_to_its_cases(table):
    published = cells._published(table)
    found = [axes for axes in table.sweep if cells._key(Case(table.suite, axes)) in published]
    assert len(found) >= len(published) // 2
    assert all(slow > fast > 0 for slow, fast in published.values())


def test_an_unknown_table_is_refused_with_those_that_there_are():
    with pytest.raises(FuseproofError, match="no table is called 'encoder-h100': there are encoder-v100, encoder-t4"):
        original("encoder-h100")
