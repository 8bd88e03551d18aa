"""Weights of a decoder with embedding and output, 8 heads of 64, and what it decodes from."""

from __future__ import annotations

from reference.decoding.positions import sinusoids

HEADS, SIZE = 8, 64
HIDDEN, INNER = HEADS * SIZE, 4 * HEADS * SIZE
START, END = 1, 2
POSITIONS = 128


def model(case, end_bias=-30.0):
    """Every layer's output keeps the variance of its input; logits spread as a trained model's do.

    `end_bias` says how likely the end is: by default it never comes.
    """

    def linear(outputs, inputs, std=1.0):
        return case.randn(outputs, inputs, std=std * inputs**-0.5), case.randn(outputs, std=0.1)

    def norm():
        return case.randn(HIDDEN, mean=1.0, std=0.1), case.randn(HIDDEN, std=0.1)

    def layer():
        own = norm(), linear(3 * HIDDEN, HIDDEN), linear(HIDDEN, HIDDEN)
        cross = norm(), linear(HIDDEN, HIDDEN), linear(2 * HIDDEN, HIDDEN), linear(HIDDEN, HIDDEN)
        return *own, *cross, norm(), linear(INNER, HIDDEN), linear(HIDDEN, INNER)

    table = case.randn(case.vocabulary, HIDDEN, std=HIDDEN**-0.5)
    positions = sinusoids(POSITIONS, HIDDEN).to(table)
    weight, bias = linear(case.vocabulary, HIDDEN, std=3.0)
    bias[END] = end_bias
    return table, positions, tuple(layer() for _ in range(case.layers)), norm(), (weight, bias), HEADS


def encoded(case):
    """The encoder's output [batch, memory, hidden] and how much of it is valid, from one position to all."""
    lengths = case.randint(case.batch, low=1, high=case.memory + 1, bits=32)
    lengths[0] = case.memory
    return case.randn(case.batch, case.memory, HIDDEN), lengths
