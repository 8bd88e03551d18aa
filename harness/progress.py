"""A bar for what takes minutes. In: how much there is, and a word for each piece done. Out: a line on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def progress(console: Console, what: str, total: int) -> Iterator[Callable[[str], object]]:
    """A bar with a count of each word that it is told; drawn by this thread alone, since forks follow."""
    from collections import Counter

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    told = TextColumn("{task.description}")
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), told)
    counts = Counter[str]()
    bar = Progress(*columns, console=console, transient=True, auto_refresh=False, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("", total=total)

        def advance(word: str) -> None:
            if word:
                counts[word] += 1
            bar.update(task, advance=1, description=", ".join(f"{n} {fate}" for fate, n in sorted(counts.items())))
            bar.refresh()

        yield advance
