"""What the tests of timing share: a textbook encoder layer, its inputs, and a vgpu that is nothing but a clock."""

from __future__ import annotations

import math
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock


def encoder_layer(x, w, b, w1, b1, w2, gamma, beta, mask, heads):
    """BERT's encoder layer; a boolean mask fills the scores, any other one is added to them."""
    batch, seq, hidden = x.shape
    q, k, v = (F.linear(x, w, b).view(batch, seq, heads, -1).transpose(1, 2) for _ in range(3))
    scores = q @ k.transpose(-1, -2) / math.sqrt(hidden // heads)
    masked = scores.masked_fill(mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    context = (torch.softmax(masked, -1) @ v).transpose(1, 2).reshape(batch, seq, hidden)
    x = F.layer_norm(F.linear(context, w, b) + x, (hidden,), gamma, beta)
    widened = F.gelu(F.linear(x, w1, b1), approximate="tanh")
    return F.layer_norm(F.linear(widened, w2, b) + x, (hidden,), gamma, beta)


def layer_inputs(dtype, *, batch=2, seq=16, hidden=64, heads=4, mask=torch.bool, device="cpu"):
    """Zeros of the layer's shapes; on the meta device they have no memory."""
    wide = 4 * hidden
    shapes = [(batch, seq, hidden), (hidden, hidden), (hidden,), (wide, hidden), (wide,), (hidden, wide)]
    tensors = [torch.zeros(shape, dtype=dtype, device=device) for shape in [*shapes, (hidden,), (hidden,)]]
    return [*tensors, torch.zeros(batch, 1, 1, seq, dtype=mask, device=device), heads]


@pytest.fixture
def encoder():
    return SimpleNamespace(layer=encoder_layer, inputs=layer_inputs)


@pytest.fixture
def vgpu():
    """A clock that counts whatever is launched on it; no driver."""
    gpu = gpus.load("T4")
    return SimpleNamespace(gpu=gpu, clock=Clock(gpu, hosts.load()), using=lambda mode: nullcontext())
