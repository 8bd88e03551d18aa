"""Whether all rows of a decoding are finished, without waiting for the device at every step.

The flags are copied to the host behind a step's kernels, and looked at in later steps, once they have arrived: the host
goes on submitting work meanwhile. A decoding so runs a few steps longer than it must, in which finished rows only end
again.
"""

from __future__ import annotations

import torch

from harness.readback import Readback


class Stop:
    """Looks at the flags of every `every`-th step; 0 never does."""

    def __init__(self, every: int) -> None:
        self.every = every
        self._underway: Readback | None = None

    def reached(self, step: int, finished: torch.Tensor) -> bool:
        """Whether all were finished at a step whose flags have arrived; starts the next copy where it is time."""
        if self._underway is not None and self._underway.arrived():
            if bool(self._underway.values.all()):
                return True
            self._underway = None
        if self.every and self._underway is None and step % self.every == self.every - 1:
            self._underway = Readback(finished)
        return False
