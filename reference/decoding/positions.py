"""Sinusoidal positions (Vaswani et al. 2017), sines in the first half of a row and cosines in the second."""

from __future__ import annotations

import math

import torch


def sinusoids(length: int, size: int) -> torch.Tensor:
    """[length, size]; wavelengths grow from 2 pi to 10,000 * 2 pi, as in tensor2tensor and FasterTransformer."""
    frequencies = torch.exp(torch.arange(size // 2) * -(math.log(10000) / (size // 2 - 1)))
    angles = torch.arange(length)[:, None] * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=-1)
