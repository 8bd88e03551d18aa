"""The processes that mutants run in: what ends them."""

import os
import signal
import time
from pathlib import Path

import pytest

from harness.mutation import runner
from harness.mutation.mutant import Mutant


@pytest.fixture
def child(tmp_path):
    """A process in a group of its own that only waits, as a mutant's that has begun a case."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.setpgid(0, 0)
        os.close(reading)
        os.write(writing, b'{"case": "gelu[fp16-b1]"}\n')
        signal.pause()
    os.close(writing)
    mutant = Mutant("a.cu:loop:1", "kernels/a.cu", Path("a.cu"), "loop", 1, "dropped", "", "")
    yield (made := runner._Child(mutant, process, reading, tmp_path, time.monotonic()))
    if made.outcome is None:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def listen_until_it_ends(child, most):
    while child.outcome is None:
        runner._listen([child], most)


def test_one_that_takes_too_much_memory_is_ended_and_counts_as_dead(child):
    listen_until_it_ends(child, most=1)
    assert (child.outcome.fate, child.outcome.guard) == ("killed", "memory")
    assert child.outcome.case == "gelu[fp16-b1]"


def test_one_that_is_ended_by_someone_else_is_no_outcome(child):
    os.kill(child.process, signal.SIGKILL)
    with pytest.raises(runner.FuseproofError, match="run again with --resume"):
        listen_until_it_ends(child, most=1 << 60)
    child.outcome = "none"


def test_memory_shared_with_others_is_not_a_process_own():
    before = runner._own_bytes(os.getpid())
    held = bytearray(os.urandom(1 << 20) * 64)
    assert runner._own_bytes(os.getpid()) - before >= len(held) // 2
