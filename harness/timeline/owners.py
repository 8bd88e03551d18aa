"""Whose an operation is, where a source does not say it: of the process whose call has its correlation id."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.schema import UNKNOWN

Ints = npt.NDArray[np.int64]


def owners(operations: Ints, calls: Ints, processes: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """For each operation's correlation id the process of the calls with that id, and whether several have it.

    UNKNOWN where several processes' calls have it, where none has, and for 0, which joins nothing.
    """
    pairs = pd.DataFrame({"correlation": calls, "process": processes}).drop_duplicates()
    by_id = pairs[pairs["correlation"] > 0].groupby("correlation")["process"].agg(["first", "size"])
    found = by_id.reindex(operations, fill_value=UNKNOWN)
    several = (found["size"] > 1).to_numpy()
    return np.where(several, UNKNOWN, found["first"].to_numpy()), several
