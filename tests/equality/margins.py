"""How close correct kernels come to what is allowed: many seeds over the quick cases of all suites, no failure allowed.

In: a number of seeds. Out: for each suite and dtype the tightest margin, error / allowed of the tightest measure, with
its case; kept in a JSON file, so that runs add up, and written into docs/equality.md as its table.

    python -m tests.equality.margins --count 1000 --state docs/equality-margins.json --to docs/equality.md
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.suite import Suite


def main() -> None:
    """Run the seeds that the file does not know yet, of each suite: a new one catches up."""
    from harness.discovery import find_suites

    options = _options()
    state = json.loads(options.state.read_text()) if options.state.exists() else {"seeds": {}, "margins": {}}
    for suite in find_suites(options.suites):
        for seed in range(state["seeds"].get(suite.name, 0), options.count):
            _run(suite, seed, state["margins"])
            state["seeds"][suite.name] = seed + 1
            options.state.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
        print(f"{suite.name}: {_total(state, 'failures')} failures so far", flush=True)
    if options.to:
        _write(options.to, "margins", table(state))
        _write(options.to, "families", families_table())
    print(table(state))
    if _total(state, "failures"):
        sys.exit(1)


def table(state: dict[str, Any]) -> str:
    """Markdown, the tightest suite first."""
    seeds = sorted(set(state["seeds"].values()))
    told = " to ".join(f"{count:,}" for count in (seeds if len(seeds) < 2 else (seeds[0], seeds[-1])))
    lines = [f"{told} seeds a suite, {_total(state, 'checks'):,} checks of quick cases, {_total(state, 'failures')} failures.",
             "", "| suite | dtype | seeds | checks | failures | tightest margin (error / allowed) | in |",
             "| --- | --- | ---: | ---: | ---: | ---: | --- |"]  # fmt: skip
    for name, row in sorted(state["margins"].items(), key=lambda item: -item[1]["used"]):
        suite, dtype = name.split()
        lines.append(
            f"| {suite} | {dtype} | {state['seeds'][suite]:,} | {row['checks']:,} | {row['failures']} | "
            f"{row['used']:.2f} | `{row['worst']}`, seed {row['seed']} |"
        )
    return "\n".join(lines)


def _run(suite: Suite, seed: int, margins: dict[str, Any]) -> None:
    from harness.device import current
    from harness.equality.check import check

    sweep = suite.sweep.quick() + (suite.edges or suite.sweep).quick()
    for case in replace(suite, sweep=sweep).cases(seed=seed):
        verdict = check(suite, case, current())
        row = margins.setdefault(
            f"{suite.name} {case.scalar.name}", {"checks": 0, "failures": 0, "used": 0.0, "worst": "", "seed": 0}
        )
        row["checks"] += 1
        row["failures"] += not verdict.passed
        if not verdict.passed:
            print(f"{case!r}, seed {seed}: {verdict.reason}", flush=True)
        if row["worst"] == "" or verdict.used > row["used"]:
            row.update(used=verdict.used, worst=case.id, seed=seed)


def _total(state: dict[str, Any], figure: str) -> int:
    return sum(row[figure] for row in state["margins"].values())


def families_table() -> str:
    """The rows of the table of families."""
    from harness.equality.families import FAMILIES

    rows = (f"| `{family.name}` | {family.kind} | {family.text} |" for family in FAMILIES.values())
    return "\n".join(["| family | of | holds |", "| --- | --- | --- |", *rows])


def _write(path: Path, name: str, text: str) -> None:
    """Put a table between the two comments that name it."""
    begin, end = f"<!-- {name}: written by tests/equality/margins.py -->", f"<!-- end of {name} -->"
    content = path.read_text()
    if begin not in content or end not in content:
        sys.exit(f"{path} has no lines {begin!r} and {end!r}: put them where the table belongs")
    before, _, rest = content.partition(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="default: all")
    parser.add_argument("--count", type=int, default=10, help="how many seeds, from 0 on")
    parser.add_argument("--state", type=Path, default=Path("equality-margins.json"), help="what is known already")
    parser.add_argument("--to", type=Path, help="a Markdown file whose table to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
