"""Decoding: launches as the original makes them, and a prediction that is crude but ordered as the published table is."""

from statistics import median

import pytest

from harness.timing.torch_launches.launch import MatrixProduct
from harness.validation import decoding
from harness.validation.encoder import published_setting
from harness.validation.fastertransformer import PRECISIONS
from harness.validation.published import table

CELLS = {cell.id: cell for cell in table("fastertransformer_2_1_decoding_v100")}
SMALL, LARGE = "fp16-b1-s32", "fp16-b128-s32-beam4"


@pytest.fixture(scope="module")
def predictions():
    setting = published_setting()
    return {name: decoding.predicted(CELLS[name], *setting) for name in (SMALL, LARGE)}


def test_a_layer_is_fifteen_launches_and_a_step_ten_more():
    to = PRECISIONS["fp16"]
    assert len(decoding.fused_layer(to, 4, 16, 32)) == 15
    assert len(decoding.fused_search(to, 4, 16)) == 10


@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
def test_a_layers_products_are_those_of_a_decoder(dtype):
    """Query, key and value in one batch, output, query and output of cross-attention, and the two of the feed-forward."""
    made = [it for it in decoding.fused_layer(PRECISIONS[dtype], 8, 16, 32) if isinstance(it, MatrixProduct)]
    assert sum(it.m * it.n * it.k * it.batch for it in made) == 8 * (6 * 512 * 512 + 2 * 512 * 2048)


def test_the_eager_layer_computes_the_same_products():
    operations = decoding.eager_layer("fp16", 8, 15, 32, published_setting()[0])
    made = [it for step in operations for it in step.launches if isinstance(it, MatrixProduct)]
    dense = 8 * (6 * 512 * 512 + 2 * 512 * 2048)
    attention = 2 * 8 * 8 * 64 * (16 + 32)  # the new token among the cached ones, and the memory
    assert sum(it.m * it.n * it.k * it.batch for it in made) == dense + attention


def test_fusing_more_is_faster(predictions):
    for found in predictions.values():
        assert found["pytorch_eager"] > found["fused_decoder"] > found["fused_decoding"]


def test_small_batches_gain_most(predictions):
    """Published: 15 times at batch 1, 3 times at 128 beams of 4."""
    small, large = (found["pytorch_eager"] / found["fused_decoding"] for found in predictions.values())
    assert 10 < small < 22
    assert 2 < large < small / 2


def test_eager_times_of_small_batches_are_within_an_eighth():
    setting = published_setting()
    cells = [cell for cell in CELLS.values() if cell.batch * cell.beam == 1]
    errors = [decoding.predicted(cell, *setting)["pytorch_eager"] / cell.ms["pytorch_eager"] - 1 for cell in cells]
    assert median(map(abs, errors)) < 0.05
    assert max(map(abs, errors)) < 0.125
