"""softmax(scores * scale, masked): any length, any mask, the edges of its definition, and what it refuses."""

import pytest
import torch

from kernels.attention.masked_softmax import masked_softmax
from kernels.shapes import OperandError
from reference.attention import masked_softmax as reference

DTYPES = (torch.float16, torch.float32)


@pytest.fixture
def masks(device):
    """Masks that leave the first key of each row."""
    generator = torch.Generator().manual_seed(1)

    def make(*shape):
        masked = torch.rand(*shape, generator=generator) < 0.3
        masked[..., 0] = False
        return masked.to(device.torch)

    return make


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keys", [1, 2, 31, 33, 255, 257, 520, 1025, 2047])
def test_rows_of_any_length(agree, random, masks, dtype, keys):
    scores = random(2, 3, 2, keys, dtype=dtype)
    agree(masked_softmax, reference.masked_softmax, scores, masks(2, 1, 2, keys), 0.7, reduction=keys)


@pytest.mark.parametrize("keys", [8200, 9001])
def test_a_row_too_long_for_the_registers_of_a_block(agree, random, masks, keys):
    dtype = torch.float32 if keys % 2 else torch.float16
    scores = random(1, 1, 2, 5 * keys if keys % 2 == 0 else keys, dtype=dtype)
    masked = masks(1, 1, 2, scores.shape[-1])
    agree(masked_softmax, reference.masked_softmax, scores, masked, 0.7, reduction=keys)


@pytest.mark.parametrize("shape", [(1, 1, 1, 40), (3, 1, 1, 40), (1, 1, 5, 40), (3, 1, 5, 40)])
def test_masks_broadcast_over_batch_heads_and_queries(agree, random, masks, shape):
    agree(masked_softmax, reference.masked_softmax, random(3, 2, 5, 40), masks(*shape), 0.125, reduction=40)


@pytest.mark.parametrize("keys", [40, 1500, 33000])
def test_a_row_with_everything_masked_is_nan_and_leaves_its_neighbours_alone(random, device, keys):
    masked = torch.zeros(1, 1, 3, keys, dtype=torch.bool, device=device.torch)
    masked[0, 0, 1] = True
    rows = masked_softmax(random(1, 1, 3, keys), masked, 1.0)[0, 0]
    assert rows[1].isnan().all()
    assert torch.allclose(rows[[0, 2]].sum(-1), torch.ones(2, device=device.torch), atol=1e-5)


@pytest.mark.parametrize("keys", [40, 1500, 33000])
def test_a_row_that_keeps_only_its_last_key_gives_it_everything(random, device, keys):
    masked = torch.ones(1, 1, 1, keys, dtype=torch.bool, device=device.torch)
    masked[..., -1] = False
    row = masked_softmax(random(1, 1, 1, keys), masked, 1.0).flatten()
    assert row[-1] == 1
    assert not row[:-1].any()


@pytest.mark.parametrize("level", [-3e38, -65504.0, 65504.0, 3e38])
@pytest.mark.parametrize("keys", [64, 33024])
def test_the_level_of_the_scores_does_not_matter(device, level, keys):
    scores = torch.full((1, 1, 1, keys), level, device=device.torch)
    masked = torch.zeros(1, 1, 1, keys, dtype=torch.bool, device=device.torch)
    assert torch.allclose(masked_softmax(scores, masked, 1.0), torch.full_like(scores, 1 / keys), rtol=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("keys", [40, 33000])
def test_nan_and_infinite_scores_make_their_row_nan(random, device, keys, value):
    scores = random(1, 1, 2, keys)
    scores[0, 0, 0, 7] = value
    masked = torch.zeros(1, 1, 1, keys, dtype=torch.bool, device=device.torch)
    rows = masked_softmax(scores, masked, 1.0)[0, 0]
    assert rows[0].isnan().all()
    assert rows[1].isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_at_odd_offsets(agree, random, masks, dtype):
    scores = random(1 + 2 * 3 * 4 * 64, dtype=dtype)[1:].view(2, 3, 4, 64)
    masked = masks(2 * 4 * 64 + 3)[3:].view(2, 1, 4, 64)
    masked[..., 0] = False
    agree(masked_softmax, reference.masked_softmax, scores, masked, 0.125, reduction=64)


def test_no_batch_gives_an_empty_output(random, masks):
    assert masked_softmax(random(0, 2, 3, 8), masks(1, 1, 1, 8), 1.0).shape == (0, 2, 3, 8)


def test_a_mask_that_is_not_boolean_is_refused(random):
    with pytest.raises(OperandError, match=r"masked is torch\.float32, expected torch\.bool"):
        masked_softmax(random(2, 2, 3, 8), random(2, 1, 1, 8), 1.0)


def test_a_mask_of_another_length_is_refused(random, masks):
    with pytest.raises(OperandError, match=r"masked has shape \(2, 1, 1, 7\), expected \(2, 1, 1, 8\)"):
        masked_softmax(random(2, 2, 3, 8), masks(2, 1, 1, 7), 1.0)


def test_a_mask_for_each_head_is_refused(random, masks):
    with pytest.raises(OperandError, match=r"masked has shape \(2, 2, 3, 8\), expected \(2, 1, 3, 8\)"):
        masked_softmax(random(2, 2, 3, 8), masks(2, 2, 3, 8), 1.0)
