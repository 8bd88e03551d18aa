"""The file of outcomes: a run that was cut short goes on from it."""

import pytest

from harness.errors import FuseproofError
from harness.mutation.outcome import Journal, Outcome, guard_of

KILLED = Outcome(
    "a.cu:constant:1", "killed", "s[fp32]", "output: the largest error is 2, allowed 1", "largest error", 3
)
SURVIVED = Outcome("a.cu:constant:2", "survived", cases_run=9)


def test_a_resumed_journal_knows_what_was_added(tmp_path):
    first = Journal(tmp_path / "j.jsonl", "key", resume=False)
    first.add(KILLED)
    first.add(SURVIVED)
    assert Journal(tmp_path / "j.jsonl", "key", resume=True).known == {KILLED.mutant: KILLED, SURVIVED.mutant: SURVIVED}


def test_outcomes_of_other_sources_count_for_nothing(tmp_path):
    Journal(tmp_path / "j.jsonl", "old", resume=False).add(KILLED)
    assert Journal(tmp_path / "j.jsonl", "new", resume=True).known == {}


def test_without_resume_it_starts_empty(tmp_path):
    Journal(tmp_path / "j.jsonl", "key", resume=False).add(KILLED)
    Journal(tmp_path / "j.jsonl", "key", resume=False)
    assert (tmp_path / "j.jsonl").read_text() == ""


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    Journal(tmp_path / "j.jsonl", "key", resume=False).add(KILLED)
    with (tmp_path / "j.jsonl").open("a") as file:
        file.write('{"key": "key", "mut')
    assert list(Journal(tmp_path / "j.jsonl", "key", resume=True).known) == [KILLED.mutant]


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "j.jsonl").write_text("hello\nworld\n")
    with pytest.raises(FuseproofError, match=r"j\.jsonl:1 is no outcome"):
        Journal(tmp_path / "j.jsonl", "key", resume=True)


@pytest.mark.parametrize(
    ("reason", "guard"),
    [
        ("output: the largest error is 2, allowed 1", "largest error"),
        ("output has 3 NaN where the reference has none, of 8 elements", "NaN and infinities"),
        (
            "f run twice on the same inputs: output[0] was 1.0, then 2.0; a missing __syncthreads()",
            "repeat under other conditions",
        ),
        ("something new", "other"),
    ],
)
def test_a_reason_names_its_guard(reason, guard):
    assert guard_of(reason) == guard
