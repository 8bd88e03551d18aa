"""Whose an operation is."""

import numpy as np

from harness.timeline.owners import owners
from harness.timeline.schema import UNKNOWN


def test_an_operation_is_of_the_process_whose_call_has_its_id():
    calls, processes = np.array([1, 1, 2, 3, 3, 0]), np.array([7, 7, 8, 7, 8, 9])
    process, several = owners(np.array([1, 2, 3, 4, 0]), calls, processes)
    assert process.tolist() == [7, 8, UNKNOWN, UNKNOWN, UNKNOWN]
    assert several.tolist() == [False, False, True, False, False]
