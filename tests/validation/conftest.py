"""The published setting, and the thirty cells of the table that was fitted, recorded once."""

import pytest

from harness.validation import encoder
from harness.validation.published import table


@pytest.fixture(scope="session")
def setting():
    return encoder.published_setting()


@pytest.fixture(scope="session")
def records(setting):
    return [encoder.recorded(cell, setting[0]) for cell in table("fastertransformer_2_1_encoder_v100")]
