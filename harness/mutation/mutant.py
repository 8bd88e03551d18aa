"""Mutants: a source file with one small mistake in it.

In: parsed sources. Out: every mutant of them, each text once, with an id that survives edits elsewhere in the file.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import FuseproofError
from harness.mutation.operators import changes
from harness.mutation.operators.change import Change
from harness.mutation.parsing import Source, nodes


@dataclass(frozen=True, slots=True)
class Mutant:
    """`file` is the path within the project; `line` counts from 1."""

    id: str
    file: str
    path: Path
    operator: str
    line: int
    description: str
    content: str
    diff: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.description}"


def mutants_of(sources: Sequence[Source]) -> list[Mutant]:
    """In the order of the files and of their text."""
    return [mutant for source in sources for mutant in _mutants(source)]


def sample(mutants: Sequence[Mutant], limit: int | None, seed: int) -> list[Mutant]:
    """At most `limit` of them, drawn by the seed, in their own order. A larger limit keeps what a smaller one drew."""

    def drawn(mutant: Mutant) -> bytes:
        return hashlib.blake2b(f"{seed}/{mutant.id}".encode(), digest_size=8).digest()

    kept = set(sorted(mutants, key=drawn)[:limit])
    return [mutant for mutant in mutants if mutant in kept]


def named(mutants: Sequence[Mutant], ids: Sequence[str]) -> list[Mutant]:
    """Those with these ids, in their own order."""
    known = {mutant.id for mutant in mutants}
    if unknown := [each for each in ids if each not in known]:
        raise FuseproofError(
            f"no mutant is called {', '.join(unknown)}: its lines have changed, or another suite launches its kernel"
        )
    return [mutant for mutant in mutants if mutant.id in ids]


def _mutants(source: Source) -> Iterator[Mutant]:
    texts, seen = {source.content}, Counter[str]()
    for node in nodes(source):
        for operator, change in changes(node):
            content = source.content[: change.start] + change.replacement.encode() + source.content[change.end :]
            if content in texts:
                continue
            texts.add(content)
            line = source.content.count(b"\n", 0, change.start) + 1
            what = _position(source, operator.name, change)
            seen[what] += 1
            digest = hashlib.blake2b(f"{what}\0{seen[what]}".encode(), digest_size=4).hexdigest()
            yield Mutant(
                id=f"{Path(source.name).name}:{operator.name}:{digest}",
                file=source.name,
                path=source.path,
                operator=operator.name,
                line=line,
                description=change.description,
                content=content.decode(),
                diff=_diff(source, content),
            )


def _position(source: Source, operator: str, change: Change) -> str:
    """Operator, text of the lines, and place within them: not the line's number."""
    start = source.content.rfind(b"\n", 0, change.start) + 1
    end = source.content.find(b"\n", change.end)
    lines = source.content[start : end if end >= 0 else None].decode()
    return "\0".join([source.name, operator, lines, str(change.start - start), change.replacement])


def _diff(source: Source, content: bytes) -> str:
    before, after = (text.decode().splitlines(keepends=True) for text in (source.content, content))
    return "".join(difflib.unified_diff(before, after, f"a/{source.name}", f"b/{source.name}", n=1))
