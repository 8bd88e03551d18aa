"""The committed report: it is what the model says today, and modelled tables state its errors."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.validation import command, stated
from harness.validation.stated import stated_error, summary_of
from reports.validation import markdown, tables, terminal

DOCUMENT = Path(__file__).parents[2] / "docs" / "model-validation.md"


@pytest.fixture(scope="module")
def validation():
    return command.validate()


def test_the_committed_document_is_what_the_model_says(validation):
    assert DOCUMENT.read_text() == markdown.render(validation), "run `fuseproof validate-model --write`"


def test_the_stated_error_is_that_of_the_validation(validation):
    assert stated.result()["tables"] == summary_of(validation.tables), "run `fuseproof validate-model --write`"


def test_the_result_is_written_as_it_is_committed(validation, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "PATH", tmp_path / "result.json")
    assert command.write_result(validation).read_text() == stated.PATH.read_text()


def test_the_sentence_names_what_was_fitted_and_what_was_not():
    text = stated_error()
    fitted, others = text.split("; not fitted: ")
    assert "V100" in fitted
    assert "T4" in others
    assert "A100" in others


def test_every_cell_is_left_out_once(validation):
    assert list(validation.left_out.cells) == list(validation.tables[0].cells)
    for column in ("eager", "fused", "speedup"):
        assert validation.left_out.median(column) >= 0.9 * validation.tables[0].median(column)


def test_goals_that_are_missed_are_called_missed(validation):
    rows = {row[0]: row[3] for row in tables.goal_rows(validation)}
    assert rows["median error of speedup"] == "yes"
    assert rows["worst error of speedup"].startswith("missed: 1 of 30 cells beyond, fp32-b1-s128")


def test_a_fit_that_finds_other_values_is_shown(validation):
    first, *others = validation.values
    again = replace(validation, values=(replace(first, fitted=0.9), *others))
    assert not again.reproduced
    console = Console(file=StringIO(), width=200)
    console.print(terminal.renderable(again))
    assert "0.962 (again: 0.9)" in console.file.getvalue()
    assert markdown.render(again) == markdown.render(validation)
