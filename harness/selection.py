"""Which cases of the suites at hand: the options that the command line and pytest share.

In: the texts of --batch, --seq, --dtype, --axis, --seed, --quick, --family and -k. Out: the jobs, in the order of
suites and sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.case import Case
from harness.errors import FuseproofError
from harness.run import Job
from harness.suite import Suite
from harness.sweep import AxisValue, Sweep, axis_values, parse_values


@dataclass(frozen=True, slots=True)
class Selection:
    """`axes` replaces the values of a sweep's axes; `keyword` keeps the cases whose id contains it.

    `family`: "none" is the suites' own inputs, "few" these and each family once a part of the edges, dtypes by turns,
    "all" these, the suites' edges, and each family at each of them; any other is the name of one family, and only that.
    """

    axes: dict[str, tuple[AxisValue, ...]] = field(default_factory=dict)
    seed: int = 0
    quick: bool = False
    keyword: str = ""
    family: str = "none"

    def cases(self, suite: Suite) -> list[Case]:
        """The cases of one suite."""
        own = suite.sweep.quick() if self.quick else suite.sweep
        edges = suite.edges or suite.sweep.quick()
        if self.family == "none":
            cases = self._of(suite, own)
        elif self.family == "few":
            cases = self._of(suite, own) + self._in_turn(suite, edges.quick()) + self._far(suite)
        elif self.family == "all":
            cases = self._of(suite, own + edges) + self._of(suite, edges, suite.family_names()) + self._far(suite)
        elif self.family == "far":
            cases = self._far(suite)
        else:
            cases = self._of(suite, edges, (self.family,) if _declares(suite, self.family) else ())
        return [case for case in cases if self.keyword in repr(case)]

    def _in_turn(self, suite: Suite, sweep: Sweep) -> list[Case]:
        """Each family at one case a part, the dtypes by turns: what depends on the dtype alone, few families show."""
        return [case for part in sweep.parts() for case in self._in_turn_at(suite, self._of(suite, part))]

    def _in_turn_at(self, suite: Suite, cases: Sequence[Case]) -> list[Case]:
        turns = enumerate(suite.family_names() if cases else ())
        made = [Case(suite.name, cases[turn % len(cases)].axes, self.seed, family) for turn, family in turns]
        return sorted(made, key=lambda case: [one.axes for one in cases].index(case.axes))

    def _far(self, suite: Suite) -> list[Case]:
        return self._of(suite, suite.far, ("far",)) if suite.far else []

    def _of(self, suite: Suite, sweep: Sweep, families: Sequence[str] = ("",)) -> list[Case]:
        cases = replace(suite, sweep=sweep).cases(self.axes, self.seed)
        return [Case(case.suite, case.axes, case.seed, family) for case in cases for family in families]

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
    family: str = "none",
) -> Selection:
    """From the options' texts: comma lists, and NAME=VALUES for further axes."""
    texts = {name: text for name, text in (("batch", batch), ("seq", seq), ("dtype", dtype)) if text}
    for text in axis:
        name, equals, values = text.partition("=")
        if not equals:
            raise FuseproofError(f"--axis takes NAME=VALUES, such as hidden=768,1021, not {text!r}")
        texts[name.strip()] = values
    axes = {name: axis_values(name, parse_values(text)) for name, text in texts.items()}
    if family not in ("none", "few", "all"):
        from harness.equality.families import named

        named(family)
    return Selection(axes, seed, quick, keyword, family)


def _declares(suite: Suite, family: str) -> bool:
    """Whether any argument, or the one that is named, takes this family."""
    own, _, argument = family.partition(":")
    return any(own in names for name, names in suite.families.items() if argument in ("", name))
