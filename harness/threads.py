"""How many threads torch computes on in this process. In: a number. Out: nothing; torch need not be imported yet."""

from __future__ import annotations

import os
import sys

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def use_threads(count: int) -> None:
    """Let torch, and the processes that this one starts, use so many."""
    os.environ.update(dict.fromkeys(VARIABLES, str(count)))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)
