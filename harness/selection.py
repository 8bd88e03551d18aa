"""Which cases of the suites at hand: the options that the command line and pytest share.

In: the texts of --batch, --seq, --dtype, --axis, --seed, --quick and -k. Out: the jobs, in the order of suites
and sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.case import Case
from harness.errors import FuseproofError
from harness.run import Job
from harness.suite import Suite
from harness.sweep import AxisValue, axis_values, parse_values


@dataclass(frozen=True, slots=True)
class Selection:
    """`axes` replaces the values of a sweep's axes; `keyword` keeps the cases whose id contains it."""

    axes: dict[str, tuple[AxisValue, ...]] = field(default_factory=dict)
    seed: int = 0
    quick: bool = False
    keyword: str = ""

    def cases(self, suite: Suite) -> list[Case]:
        """The cases of one suite."""
        sweep = suite.sweep.quick() if self.quick else suite.sweep
        cases = replace(suite, sweep=sweep).cases(self.axes, self.seed)
        return [case for case in cases if self.keyword in repr(case)]

    def jobs(self, suites: Sequence[Suite]) -> list[Job]:
        """The cases of all suites; an error where nothing is left to run."""
        known = set().union(*(suite.sweep.axes for suite in suites))
        if unknown := self.axes.keys() - known:
            raise FuseproofError(
                f"no suite has an axis {', '.join(sorted(unknown))}: there are {', '.join(sorted(known))}"
            )
        jobs = [Job(suite, case) for suite in suites for case in self.cases(suite)]
        if not jobs:
            raise FuseproofError(f"no case of {', '.join(suite.name for suite in suites)} matches {self.keyword!r}")
        return jobs


def select(
    batch: str | None = None,
    seq: str | None = None,
    dtype: str | None = None,
    axis: Sequence[str] = (),
    *,
    seed: int = 0,
    quick: bool = False,
    keyword: str = "",
) -> Selection:
    """From the options' texts: comma lists, and NAME=VALUES for further axes."""
    texts = {name: text for name, text in (("batch", batch), ("seq", seq), ("dtype", dtype)) if text}
    for text in axis:
        name, equals, values = text.partition("=")
        if not equals:
            raise FuseproofError(f"--axis takes NAME=VALUES, such as hidden=768,1021, not {text!r}")
        texts[name.strip()] = values
    axes = {name: axis_values(name, parse_values(text)) for name, text in texts.items()}
    return Selection(axes, seed, quick, keyword)
