"""Launches of the original systems: one place, which documents and suites agree with."""

import re
from pathlib import Path

import pytest

from harness.discovery import find_suites
from harness.originals import launches
from harness.originals.launches import originals_of

DOCS = Path(__file__).parents[2] / "docs"


def counted(suite, **axes):
    return {each.system: each.count(axes) for each in originals_of(suite)}


def documented(page, row):
    """The first figure of a row of a page's table."""
    return int(re.search(rf"^\| {row} \| (\d+) \|", (DOCS / page).read_text(), re.MULTILINE)[1])


def test_an_encoder_layer_is_that_of_the_documents():
    assert counted("encoder_layer") == {"FasterTransformer": 14, "TensorFlow": 50, "XLA": 24}
    assert documented("encoder.md", "FasterTransformer 2.1") == launches.LAYER


def test_decoder_layers_are_those_of_the_documents():
    assert counted("decoder_layer", seq=64) == {"FasterTransformer": 15}
    assert counted("first_decoder_layer") == {"FasterTransformer": 17}
    assert documented("decoder.md", "a layer at steps from 2 on") == launches.DECODER_LAYER
    assert documented("decoder.md", "at step 1, [^|]*") == launches.DECODER_LAYER + launches.FIRST_STEP


def test_a_decoding_step_is_that_of_the_documents():
    assert launches.decoding_step(6) == documented("decoding.md", "a step from the third on, 4 beams") == 100


def test_stacks_have_the_launches_of_all_their_layers():
    assert counted("encoder", layers=12)["FasterTransformer"] == 12 * 14
    assert counted("decoder_stack", layers=6) == {"FasterTransformer": 6 * 15}


def test_decoding_adds_up_its_steps():
    assert counted("decoding", layers=2, seq=5) == {"FasterTransformer": 5 * 40 + 2 * 2}


def test_a_kernel_alone_has_no_original():
    assert originals_of("bias_gelu") == []


@pytest.mark.parametrize("original", launches._TABLE, ids=lambda each: f"{each.system} {each.suites[0]}")
def test_every_suite_exists_and_has_the_axes_that_its_figure_needs(original):
    suites = {suite.name: suite for suite in find_suites()}
    for name in original.suites:
        assert all(original.count(axes) > 0 for axes in suites[name].sweep)
