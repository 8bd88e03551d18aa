"""What several test processes do to each other's threads."""

import os

import pytest
import torch

from harness.plugin import share_cores
from harness.threads import VARIABLES


@pytest.fixture
def threads(monkeypatch):
    """Torch's number of threads, as it was before."""
    before = torch.get_num_threads()
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "set so that it is put back")
        monkeypatch.delenv(variable)
    yield before
    torch.set_num_threads(before)


def test_as_many_processes_as_cores_leave_torch_one_thread_each(threads):
    share_cores(os.cpu_count() + 1)
    assert (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]) == (1, "1")


def test_a_process_alone_keeps_its_threads(threads):
    share_cores(1)
    assert torch.get_num_threads() == threads
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_number_that_was_chosen_stays(threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    share_cores(64)
    assert os.environ["OMP_NUM_THREADS"] == "3"
