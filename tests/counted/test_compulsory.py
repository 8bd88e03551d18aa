"""Bytes that a function cannot but move."""

from __future__ import annotations

import pytest
import torch

from harness.counted.compulsory import compulsory_bytes

WHOLE = torch.zeros(8, 2, 16)  # 1,024 bytes; the rows of each half are two sectors


@pytest.mark.parametrize(
    ("inputs", "read"),
    [
        ([], 0),
        ([torch.zeros(0)], 0),
        ([torch.zeros(3)], 32),
        ([WHOLE], 1024),
        ([WHOLE, WHOLE.view(-1)], 1024),
        ([WHOLE, torch.zeros(64)], 1024 + 256),
        (list(WHOLE.unbind(1)), 1024),
        ([WHOLE[:, 0]], 512),
        ([WHOLE[:, 0], WHOLE[:4]], 256 + 512),
        ([WHOLE.view(-1)[1:9]], 64),
        ([WHOLE.view(-1)[::2]], 1024),
        ([WHOLE.view(-1)[::16]], 16 * 32),
        ([torch.zeros(16).expand(100, 16)], 64),
        ([WHOLE.half()[:, 0], {"of": (torch.zeros(8),)}], 256 + 32),
    ],
)
def test_every_sector_of_the_inputs_counts_once(inputs, read):
    assert compulsory_bytes(inputs, []) == read


def test_inputs_and_outputs_add_up():
    assert compulsory_bytes([torch.zeros(8)], (torch.zeros(16), torch.zeros(8))) == 32 + 64 + 32


def test_an_output_in_the_memory_of_an_input_is_not_known():
    assert compulsory_bytes([WHOLE[:4]], WHOLE[4:]) is None
