"""Runs mutants, several at a time, each in a process forked from this one, where torch, the vgpu, inputs and references
are ready.

In: mutants, the baseline, a journal. Out: an `Outcome` a mutant, in the journal as soon as it is known. Cases that have
killed go first.
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from harness.device import Device
from harness.errors import FuseproofError
from harness.mutation.mutant import Mutant
from harness.mutation.outcome import Journal, Outcome
from harness.mutation.probe import Baseline, Probe, cheapest_first
from harness.mutation.trial import try_mutant

WALL_SECONDS = 3600  # for what waits and uses no CPU; long, since the machine may be busy
MEMORY_SHARE = 0.5  # of the memory that is free before the first mutant, for all at work together


@dataclass
class _Child:
    """A process at work. `case` is the one it has begun."""

    mutant: Mutant
    process: int
    pipe: int
    folder: Path
    started: float
    said: bytes = b""
    case: str = ""
    too_large: bool = False  # ended for the memory that it took
    outcome: Outcome | None = field(default=None)


def run_mutants(
    mutants: Sequence[Mutant],
    base: Baseline,
    device: Device,
    journal: Journal,
    jobs: int = 1,
    done: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """Those that the journal knows are not run again; the outcomes are in the order of `mutants`."""
    order = _Order(base.probes)
    for outcome in journal.known.values():
        order.saw(outcome)
    waiting = [mutant for mutant in mutants if mutant.id not in journal.known]
    working: list[_Child] = []
    scratch = Path(tempfile.mkdtemp(prefix="fuseproof-mutants-"))
    most = int(_available_bytes() * MEMORY_SHARE / jobs)
    try:
        while waiting or working:
            while waiting and len(working) < jobs:
                working.append(_fork(waiting.pop(0), base, order.now(), device, scratch))
            _listen(working, most)
            for child in [child for child in working if child.outcome]:
                working.remove(child)
                shutil.rmtree(child.folder, ignore_errors=True)
                assert child.outcome is not None
                order.saw(child.outcome)
                journal.add(child.outcome)
                done(child.outcome)
    finally:
        for child in working:
            with suppress(ProcessLookupError, ChildProcessError):  # the one whose error ends the run has ended itself
                _end(child, signal.SIGKILL)
                os.waitpid(child.process, 0)
        shutil.rmtree(scratch, ignore_errors=True)
    return [journal.known[mutant.id] for mutant in mutants]


class _Order:
    """Which case to try first: those that have killed, by how often for what they cost."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = cheapest_first(probes)
        self._kills = Counter[str]()

    def saw(self, outcome: Outcome) -> None:
        if outcome.dead:
            self._kills[outcome.case] += 1

    def now(self) -> list[Probe]:
        return sorted(self._probes, key=lambda probe: -self._kills[probe.id] / (probe.cpu_seconds + 1.0))


def _fork(mutant: Mutant, base: Baseline, order: Sequence[Probe], device: Device, scratch: Path) -> _Child:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _child(mutant, base, order, device, folder, writing)
    os.close(writing)
    return _Child(mutant, process, reading, folder, time.monotonic())


def _end(child: _Child, number: signal.Signals) -> None:
    """Signal a process and the compilers that it has started."""
    try:
        os.killpg(child.process, number)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(child.process, number)


def _child(mutant: Mutant, base: Baseline, order: Sequence[Probe], device: Device, folder: Path, pipe: int) -> NoReturn:
    """Try the mutant, say what came of it, and end without any of the parent's clean-up."""

    def say(row: dict) -> None:
        os.write(pipe, json.dumps(row).encode() + b"\n")

    status = 0
    try:
        os.setpgid(0, 0)
        outcome = try_mutant(mutant, base, order, device, folder, lambda case: say({"case": case}))
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        spent = sum(each.ru_utime + each.ru_stime for each in used)
        say({"outcome": asdict(replace(outcome, cpu_seconds=round(spent, 2)))})
    except FuseproofError as error:
        say({"error": str(error)})
        status = 1
    except BaseException as error:
        say({"error": f"{mutant}: {type(error).__name__}: {error}"})
        status = 1
    finally:
        os._exit(status)


def _listen(working: Sequence[_Child], most: int) -> None:
    """Wait until some child says something, ends, has had its time, or holds more than `most` bytes."""
    ready, _, _ = select.select([child.pipe for child in working], [], [], 1.0)
    for child in working:
        if child.pipe in ready:
            if more := os.read(child.pipe, 65536):
                child.said += more
            else:
                _ended(child)
        elif time.monotonic() - child.started > WALL_SECONDS:
            _end(child, signal.SIGXCPU)
        elif _own_bytes(child.process) > most:
            child.too_large = True
            _end(child, signal.SIGKILL)


def _available_bytes() -> int:
    """What the machine can still give."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _own_bytes(process: int) -> int:
    """Memory that this process holds and shares with no other; 0 where it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def _ended(child: _Child) -> None:
    os.close(child.pipe)
    _, status = os.waitpid(child.process, 0)
    for line in child.said.splitlines():
        row = json.loads(line)
        if "error" in row:
            raise FuseproofError(row["error"])
        child.case = row.get("case", child.case)
        if "outcome" in row:
            child.outcome = Outcome(**row["outcome"])
    if child.outcome is None:
        child.outcome = _without_a_word(child, status)


def _without_a_word(child: _Child, status: int) -> Outcome:
    """Of a process that ended before it could say how the mutant fared."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if child.too_large:
        return Outcome(child.mutant.id, "killed", child.case, "took more memory than the machine can spare", "memory")
    if number == signal.SIGXCPU:
        return Outcome(child.mutant.id, "timed out", child.case, "took many times the original's CPU time", "CPU time")
    if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
        name = signal.Signals(number).name
        return Outcome(child.mutant.id, "killed", child.case, f"the process was ended by a signal, {name}", "crash")
    raise FuseproofError(f"{child.mutant}: its process ended with status {status}; run again with --resume")
