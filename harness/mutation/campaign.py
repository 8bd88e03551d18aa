"""A whole campaign: sources of suites, their mutants, the outcomes, and what they say by file.

In: jobs, options. Out: a `Campaign` that reports render.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.compiler import find_nvcc, nvcc_version, sources_of
from harness.device import Device
from harness.errors import FuseproofError
from harness.mutation import ptx
from harness.mutation.explained import Explained
from harness.mutation.mutant import Mutant, mutants_of
from harness.mutation.operators import OPERATORS
from harness.mutation.outcome import Fate, Outcome
from harness.mutation.parsing import parse
from harness.mutation.probe import Baseline
from harness.run import Job


@dataclass(frozen=True, slots=True)
class FileScore:
    """Counts of one source file."""

    file: str
    counts: dict[Fate, int]

    @property
    def mutants(self) -> int:
        return sum(self.counts.values())

    @property
    def dead(self) -> int:
        return self.counts.get("killed", 0) + self.counts.get("timed out", 0)

    @property
    def alive(self) -> int:
        return self.counts.get("survived", 0)

    @property
    def score(self) -> float | None:
        """Dead ÷ (dead + survived); None where all mutants are equivalent, explained or do not compile."""
        judged = self.dead + self.alive
        return self.dead / judged if judged else None


@dataclass(frozen=True)
class Campaign:
    """`possible` counts the mutants that the sources have, of which these were drawn."""

    suites: tuple[str, ...]
    device: str
    seed: int
    cases: int
    possible: int
    mutants: tuple[Mutant, ...]
    outcomes: tuple[Outcome, ...]
    explained: Explained = field(default_factory=dict)

    def __post_init__(self) -> None:
        """A survivor that the project's table explains counts as explained."""
        settled = (
            replace(each, fate="explained") if each.fate == "survived" and each.mutant in self.explained else each
            for each in self.outcomes
        )
        object.__setattr__(self, "outcomes", tuple(settled))

    @property
    def files(self) -> list[FileScore]:
        """In the order of their names."""
        counts: dict[str, Counter[Fate]] = {}
        for mutant, outcome in zip(self.mutants, self.outcomes, strict=True):
            counts.setdefault(mutant.file, Counter())[outcome.fate] += 1
        return [FileScore(file, dict(counts[file])) for file in sorted(counts)]

    @property
    def total(self) -> FileScore:
        return FileScore("all files", dict(Counter(outcome.fate for outcome in self.outcomes)))

    @property
    def survivors(self) -> list[tuple[Mutant, Outcome]]:
        """In the order of files and lines."""
        pairs = zip(self.mutants, self.outcomes, strict=True)
        return [(mutant, outcome) for mutant, outcome in pairs if outcome.fate == "survived"]

    @property
    def explained_survivors(self) -> list[tuple[Mutant, str]]:
        """Those that the project's table explains, each with its reason."""
        pairs = zip(self.mutants, self.outcomes, strict=True)
        return [(mutant, self.explained[mutant.id]) for mutant, outcome in pairs if outcome.fate == "explained"]

    @property
    def guards(self) -> list[tuple[str, int]]:
        """What noticed how many mutants, most first."""
        found = Counter(outcome.guard for outcome in self.outcomes if outcome.dead)
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def mutable_files(base: Baseline, wanted: Sequence[str] = ()) -> list[Path]:
    """The .cu files behind the cases and the headers of ours that they include; of `wanted` names, those alone."""
    files = sorted({path for source in base.sources for path in sources_of(source)})
    if not wanted:
        return files
    found = [path for path in files if any(str(path).endswith(name) for name in wanted)]
    missing = [name for name in wanted if not any(str(path).endswith(name) for path in files)]
    if missing:
        names = ", ".join(path.name for path in files)
        raise FuseproofError(f"no kernel of these suites is in {', '.join(missing)}: their files are {names}")
    return found


def possible_mutants(files: Sequence[Path], operators: Sequence[str] = ()) -> list[Mutant]:
    """All mutants of these files; of the operators named, those alone."""
    known = {operator.name for operator in OPERATORS}
    if unknown := sorted(set(operators) - known):
        raise FuseproofError(f"no operator is called {', '.join(unknown)}: there are {', '.join(sorted(known))}")
    found = mutants_of([parse(path, project_name(path)) for path in files])
    return [mutant for mutant in found if not operators or mutant.operator in operators]


def project_name(path: Path) -> str:
    """As reports print it: from the working directory where it lies below it."""
    here = Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else path.name


def digest(base: Baseline, jobs: Sequence[Job], device: Device) -> str:
    """Of everything that an outcome depends on: sources, suites, cases with their seed, compiler, device."""
    files = {path for source in base.sources for path in sources_of(source)} | {job.suite.path for job in jobs}
    parts = [f"{path.name}\n{path.read_text()}" for path in sorted(files)]
    parts += [f"{job.id} {job.case.seed}" for job in jobs]
    parts += [nvcc_version(find_nvcc()), *ptx.OPTIONS, device.label]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
