"""Which tokens of a padded batch are valid, and rows in another order."""

from __future__ import annotations

import torch


def find_tokens(masked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The packed row of each token (-1 at padding), the token of each packed row (-1 behind the last), and the rows at
    which sequences start, with the number of rows at the end."""
    valid = ~masked.flatten(1)
    rank = valid.flatten().cumsum(0)
    places = torch.where(valid.flatten(), rank - 1, -1)
    (tokens,) = valid.flatten().nonzero(as_tuple=True)
    sources = torch.cat([tokens, tokens.new_full((valid.numel() - len(tokens),), -1)])
    offsets = torch.cat([rank.new_zeros(1), valid.sum(1).cumsum(0)])
    return places.int(), sources.int(), offsets.int()


def take_rows(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Row `index[i]` of `x` as row i, zeros where the index is negative."""
    return torch.where((index < 0)[:, None], 0, x[index.long()])
