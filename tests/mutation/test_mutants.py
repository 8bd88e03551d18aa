"""Mutants: their text, diff and id, and how they are drawn."""

import pytest

from harness.errors import FuseproofError
from harness.mutation.mutant import named, sample
from harness.mutation.parsing import ParseError
from tests.mutation.sources import kernel, mutants


def test_a_mutant_is_the_file_with_one_change_and_the_diff_that_says_so(tmp_path):
    (mutant,) = mutants(tmp_path, kernel("    // first\n    out[n] = -x[n];\n    // last"), "dropped-sign")
    assert mutant.content == kernel("    // first\n    out[n] = x[n];\n    // last")
    assert mutant.line == 4
    assert mutant.diff == (
        "--- a/a.cu\n"
        "+++ b/a.cu\n"
        "@@ -3,3 +3,3 @@\n"
        "     // first\n"
        "-    out[n] = -x[n];\n"
        "+    out[n] = x[n];\n"
        "     // last\n"
    )
    assert str(mutant) == "a.cu:4: without the - of -x[n]"


def test_the_id_stays_when_the_file_grows_above(tmp_path):
    before = mutants(tmp_path, kernel("out[n] = x[n] + 1;"))
    after = mutants(tmp_path, "// more\n\n" + kernel("out[n] = x[n] + 1;"))
    assert [mutant.id for mutant in before] == [mutant.id for mutant in after]


def test_two_equal_lines_have_mutants_of_different_ids(tmp_path):
    made = mutants(tmp_path, kernel("n += 1;\nn += 1;"))
    assert len({mutant.id for mutant in made}) == len(made)


def test_one_text_is_one_mutant(tmp_path):
    made = mutants(tmp_path, kernel("out[0] = __shfl_xor_sync(m, x[0], 2);"))
    assert len({mutant.content for mutant in made}) == len(made)


def test_a_larger_draw_keeps_what_a_smaller_one_drew(tmp_path):
    every = mutants(tmp_path, kernel("out[n] = x[n] * 2 + n * 3;"))
    few, more = sample(every, 3, seed=1), sample(every, 6, seed=1)
    assert len(few) == 3
    assert set(few) < set(more) < set(every)
    assert few != sample(every, 3, seed=2)
    assert sample(every, None, seed=1) == every


def test_a_draw_is_in_the_order_of_the_file(tmp_path):
    every = mutants(tmp_path, kernel("out[n] = x[n] * 2;\nout[0] = n - 3;"))
    drawn = sample(every, 4, seed=0)
    assert [every.index(mutant) for mutant in drawn] == sorted(every.index(mutant) for mutant in drawn)


def test_mutants_are_found_by_their_ids_in_the_order_of_the_file(tmp_path):
    every = mutants(tmp_path, kernel("n = n * 2 + 1;"))
    assert named(every, [every[3].id, every[0].id]) == [every[0], every[3]]


def test_an_id_that_no_mutant_has_is_named(tmp_path):
    every = mutants(tmp_path, kernel("n = n * 2 + 1;"))
    with pytest.raises(FuseproofError, match=r"no mutant is called a\.cu:guard:00000000: its lines have changed"):
        named(every, ["a.cu:guard:00000000"])


def test_what_is_no_cuda_is_refused_with_its_line(tmp_path):
    with pytest.raises(ParseError, match=r"a\.cu:2"):
        mutants(tmp_path, "int a;\n) oops (\n")
