"""Inputs of a step of a beam search, as several suites take them."""

from __future__ import annotations


def state(case):
    """Scores best first, finished beams of which every batch has another number, lengths, in FP32, bool and int32.

    A beam that is alone goes on: of a finished one no kernel reads the logits.
    """
    batch, beams = case.batch, case.beam
    scores = case.randn(batch, beams, std=2.0).float().sort(descending=True).values - 5.0
    finished = case.flags(batch, beams, share=0.3)
    finished[0, 0] = True
    finished[-1, -1] = False
    lengths = case.randint(batch, beams, low=1, high=9, bits=32)
    return scores, finished, lengths


def ancestors(case, step):
    """Any beam of the batch at each step before; behind them rows go on, to `step` + 3."""
    return case.randint(case.batch, case.beam, step + 3, low=0, high=case.beam, bits=32)


def logits(case):
    """Logits of every beam, and their bias, which makes the last token a likely one: none is left out unnoticed."""
    bias = case.randn(case.vocabulary)
    bias[-1] += 6.0
    return case.randn(case.batch, case.beam, case.vocabulary, std=3.0), bias
