"""Finding valid tokens and moving rows: offsets of 64 bits, batches of nothing, and what is refused."""

import pytest
import torch

from harness.equality import sparse
from kernels.encoder.padding import find_tokens, take_rows
from kernels.shapes import OperandError


def test_tokens_are_numbered_in_their_order_whatever_the_mask(device):
    masked = torch.tensor([[0, 1, 0], [1, 1, 1], [1, 0, 0]], dtype=torch.bool, device=device.torch)
    places, sources, offsets = find_tokens(masked[:, None, None, :])
    assert places.tolist() == [0, -1, 1, -1, -1, -1, -1, 2, 3]
    assert sources.tolist() == [0, 2, 7, 8, -1, -1, -1, -1, -1]
    assert offsets.tolist() == [0, 2, 2, 4]


@pytest.mark.parametrize("shape", [(0, 1, 1, 7), (3, 1, 1, 0)])
def test_no_tokens_start_everywhere_at_0(device, shape):
    places, sources, offsets = find_tokens(torch.zeros(shape, dtype=torch.bool, device=device.torch))
    assert len(places) == len(sources) == 0
    assert offsets.tolist() == [0] * (shape[0] + 1)


def test_a_row_beyond_2_to_the_32_elements_is_found(device):
    if not device.vgpu:
        pytest.skip("a tensor of this size is only mapped, in host memory")
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(-30000, 30000, (sparse.PERIOD // 2,), dtype=torch.int16, generator=generator)
    rows = (1 << 32) // 1032 + 2
    x = sparse.repeated(values.view(torch.float16), (rows, 1032))
    index = torch.tensor([rows - 1, -1, 3], dtype=torch.int32)
    taken = take_rows(x, index)
    assert torch.equal(taken.view(torch.int16), torch.stack([x[-1], torch.zeros_like(x[0]), x[3]]).view(torch.int16))


def test_an_index_of_64_bits_is_refused(random):
    with pytest.raises(OperandError, match=r"take_rows: index is torch\.int64, expected torch\.int32"):
        take_rows(random(3, 8), torch.arange(3))


def test_a_mask_for_each_query_is_refused():
    with pytest.raises(OperandError, match=r"masked has shape \(2, 1, 4, 4\), expected \(2, 1, 1, 4\)"):
        find_tokens(torch.zeros(2, 1, 4, 4, dtype=torch.bool))
