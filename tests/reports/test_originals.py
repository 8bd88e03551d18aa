"""An original's table on the terminal and in Markdown."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from harness.originals.cells import Finished, Row
from harness.originals.tables import TABLES
from harness.results.record import Profile
from harness.validation.stated import stated_error
from reports.originals import markdown, terminal


def profile(launches, wall_us):
    return Profile("r", "modelled", launches, launches, 0, 0, 3.0, wall_us, wall_us / 2, wall_us / 2, 3, 1.0, 512, ())


@pytest.fixture
def finished():
    rows = (
        Row("fp32-b1-s32", profile(204, 8000.0), profile(96, 4000.0), profile(96, 1000.0), 12.25, 1.8),
        Row("fp32-b2-s32", profile(204, 8000.0), profile(96, 4000.0), "not capturable: it waits"),
    )
    return Finished(TABLES["encoder-v100"], "vgpu:V100", "Tesla V100 (virtual)", "modelled", rows)


def test_a_row_has_our_figures_and_the_published_ones(finished):
    assert (
        "| fp32-b1-s32 | 204 → 96 | 8.00 | 50 | 4.00 | 50 | 1.00 | 2.00x | 8.00x | 12.25 | 1.80 | 6.81x |"
        in markdown.render(finished)
    )


def test_what_was_not_published_or_not_capturable_is_left_open(finished):
    assert "| fp32-b2-s32 | 204 → 96 | 8.00 | 50 | 4.00 | 50 | - | 2.00x | - | - | - | - |" in markdown.render(finished)


def test_modelled_times_say_so_and_how_far_off_they_are(finished):
    text = markdown.render(finished)
    assert "# BERT-base's encoder on a V100: vgpu:V100, Tesla V100 (virtual), times modelled\n" in text
    assert f"Times are modelled; {stated_error()}" in text


def test_measured_times_state_no_error_of_a_model(finished):
    assert "model" not in markdown.render(replace(finished, source="measured")).partition("Note")[0]


def test_without_published_figures_there_are_no_columns_for_them(finished):
    text = markdown.render(replace(finished, table=TABLES["decoder-v100"]))
    assert "published" not in text


def test_the_terminal_shows_the_same_cells(finished):
    console = Console(file=StringIO(), width=160)
    console.print(terminal.renderable(finished))
    assert "204 → 96" in console.file.getvalue()
    assert "12.25" in console.file.getvalue()
