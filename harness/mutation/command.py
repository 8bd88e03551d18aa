"""What `fuseproof mutate` does, step by step, with its progress on the terminal.

In: suites by name, options. Out: a `Campaign`; outcomes go to a journal in the folder for reports as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import FuseproofError
from harness.progress import progress
from harness.threads import use_threads

if TYPE_CHECKING:
    from rich.console import Console

    from harness.mutation.campaign import Campaign
    from harness.selection import Selection

JOURNAL = "mutation.jsonl"


@dataclass(frozen=True, slots=True)
class Options:
    """`selection` chooses cases, `files` (ends of paths) and `operators` mutants, all of them where empty.

    `mutants` names some by their ids; else `seed` draws `limit` of them, where None means every one. `explained` is the
    project's table.
    """

    selection: Selection
    files: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    mutants: tuple[str, ...] = ()
    seed: int = 0
    limit: int | None = None
    jobs: int = 1
    resume: bool = False
    out: Path = Path("reports/out")
    explained: Path = Path("suites/explained_mutants.csv")


def mutate(suites: Sequence[str], device: str | None, options: Options, console: Console) -> Campaign:
    """Measure the original, draw mutants, run those that the journal does not know."""
    use_threads(1)  # forked processes have no others, and OpenMP would wait for them for ever
    from harness.device import open_device, parse_spec
    from harness.discovery import find_suites
    from harness.mutation.campaign import Campaign, digest, mutable_files, possible_mutants
    from harness.mutation.explained import read_explained
    from harness.mutation.mutant import named, sample
    from harness.mutation.outcome import Journal
    from harness.mutation.probe import baseline
    from harness.mutation.runner import run_mutants

    spec = parse_spec(device)
    if spec.kind != "vgpu":
        raise FuseproofError(f"mutants run on the vgpu, not on {spec.label}: a broken kernel may take a GPU with it")
    found = find_suites(suites)
    opened = open_device(spec)
    jobs = options.selection.jobs(found)
    with progress(console, "original", len(jobs)) as advance:
        base = baseline(jobs, opened, lambda: advance(""))
    possible = possible_mutants(mutable_files(base, options.files), options.operators)
    mutants = named(possible, options.mutants) or sample(possible, options.limit, options.seed)
    journal = Journal(options.out / JOURNAL, digest(base, jobs, opened), resume=options.resume)
    with progress(console, "mutants", len(mutants)) as advance:
        for mutant in mutants:
            if mutant.id in journal.known:
                advance("")
        outcomes = run_mutants(mutants, base, opened, journal, options.jobs, lambda done: advance(done.fate))
    names = tuple(suite.name for suite in found)
    explained = read_explained(options.explained)
    return Campaign(
        names, opened.label, options.seed, len(jobs), len(possible), tuple(mutants), tuple(outcomes), explained
    )
