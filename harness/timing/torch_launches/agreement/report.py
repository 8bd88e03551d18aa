"""The report in Markdown: how far rules and recorded traces agree, by operator, and every rule with its source.

In: verdicts. Out: text. What it says of the rules comes from the rules, so that it cannot drift from them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.timing.torch_launches import composites, table
from harness.timing.torch_launches.agreement.compare import AGREEING, COVERED, Outcome, Verdict
from harness.timing.torch_launches.rule import Rule

_INTRODUCTION = """# Torch operators as launches

On the vgpu, torch runs on the CPU: its operators are counted and timed as the launches that PyTorch's CUDA backend
would make of them, by rules that were read from PyTorch's sources ([`harness/timing/torch_launches`]({code})). An
operator without a rule ends a modelled run with an error that names it; none is taken for nothing.

A rule gives kernels with grid, block, instructions and traffic; matrix products with m, n, k, batch and dtype path
(tensor cores for 16-bit types; FP32 on the CUDA cores, since TF32 is off); memcpys and memsets; and where the host
waits. Operators that PyTorch composes of others are composed here, too: run on shapes without memory, by the rules
of the others.

What a CPU run cannot show is assumed:

- a number read from a tensor, a copy, or a step counter of an optimizer is taken for the GPU's, although it may be
  the host's in a CUDA program;
- what moves a tensor to the host without an operator (`tolist`, `numpy`, `cpu` of a tensor that is there already) is
  not seen, so that its copy and its wait are missing;
- cuBLAS takes one kernel for a product, cuDNN one for a convolution: how they split work is their heuristics'
  choice;
- `scaled_dot_product_attention` takes flash, else the memory-efficient kernel, else the math operators; cuDNN's
  attention is taken for disabled (PyTorch prefers it on sm_90 and sm_100 with cuDNN newer than 9.15);
- lists of tensors are split by CUDA 13's limits (`MultiTensorApply.cuh`);
- the gradient of `rms_norm` is that of its decomposition on the CPU; a call is not split for 64-bit indices.
"""

_AGREEMENT = """## Agreement with recorded traces

Written by `python -m harness.timing.torch_launches.agreement TRACE... --to docs/torch-launches.md` from the traces
that the tests keep ([sources](../tests/timeline/data/SOURCES.md)), which were recorded with other versions of
PyTorch than the one whose sources the rules follow. A call is looked at where the dispatch mode would see it, with
all that was launched inside it: kernels by family (no dtypes, sizes or versions of a name), memcpys and memsets, in
order. "By arguments": the rule, given the recorded shapes and dtypes, says just what ran. "By form": the recording
lacks arguments (or strides, on which copies depend), and what ran is what the rule launches at some size. "But for
the library": cuBLAS or cuDNN ran more kernels than one for a product (split-K with its reduction and memset, layout
transforms, offsets, Winograd's steps). In a trace with gaps (marked \\*: events were left out of the recording) what
ran may be a part of what the rule says.
"""
_LATER = """Calls that launched nothing are not counted above: {nothing:,} for which that is what the rule says (views,
allocations), and {silent:,} that might have, on the host's tensors, on empty ones, or in a gap of the recording.
{unchecked} calls have a rule that needs arguments which were not recorded{names}. {other} operators of other
libraries (NCCL, FBGEMM, and lists whose operator was left out) launched something and have no rule.
"""

_STRICTER = """Without the calls that agree but for the library: {exact:.1%}. The full test, every argument recorded
and no gap, are {full} of the calls; a form is less: of most operators it says that one elementwise kernel runs.

"""
_FOUND = """
The traces were no blind test: reading where they differed from the rules showed what the rules had left out of
PyTorch's sources, and then they were read again. `sum` and `mean` cast integers and masks first
(`make_reduction_from_out_ty`), the power of 1 is a copy, layer norm and softmax make their inputs contiguous, `resize_`
copies what it had.
"""


@dataclass(frozen=True, slots=True)
class Traced:
    """A trace's verdicts; `gpu` is whose rules were asked."""

    name: str
    gpu: str
    partial: bool
    verdicts: Sequence[Verdict]


def share(verdicts: Iterable[Verdict], outcomes: Sequence[Outcome] = AGREEING) -> float:
    """Of the calls that rules cover, those with one of the outcomes."""
    covered = [verdict.outcome for verdict in verdicts if verdict.outcome in COVERED]
    return sum(outcome in outcomes for outcome in covered) / len(covered) if covered else 1.0


def report(traces: Sequence[Traced]) -> str:
    """The whole document."""
    everything = [verdict for trace in traces for verdict in trace.verdicts]
    parts = [
        _INTRODUCTION.format(code="../harness/timing/torch_launches"),
        _AGREEMENT,
        _by_trace(traces, everything),
        _remarks(traces, everything),
        "### By operator\n",
        _by_operator(everything),
        _rules(),
    ]
    return "\n".join(parts)


def _by_trace(traces: Sequence[Traced], everything: Sequence[Verdict]) -> str:
    rows = [_row(f"{trace.name}{' *' * trace.partial}", trace.gpu, trace.verdicts) for trace in traces]
    head = ("trace", "rules for", "calls", "by arguments", "by form", "but for the library", "differ", "agree")
    return _table(head, [*rows, _row("**all**", "", everything)], numbers=2)


def _row(name: str, gpu: str, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    found = Counter(verdict.outcome for verdict in verdicts)
    counts = [found[outcome] for outcome in COVERED]
    return name, gpu, f"{sum(counts):,}", *(f"{count:,}" for count in counts), f"{share(verdicts):.1%}"


def _remarks(traces: Sequence[Traced], everything: Sequence[Verdict]) -> str:
    found = Counter(verdict.outcome for verdict in everything)
    unchecked = sorted({verdict.operator for verdict in everything if verdict.outcome == "unchecked"})
    names = f" ({', '.join(f'`{name}`' for name in unchecked)})" if unchecked else ""
    other = len({verdict.operator for verdict in everything if verdict.outcome in ("other", "no rule")})
    exact = share(everything, ("arguments", "form"))
    later = _LATER.format(
        nothing=found["nothing"], silent=found["silent"], unchecked=found["unchecked"], names=names, other=other
    )
    whole = [verdict for trace in traces if not trace.partial for verdict in trace.verdicts]
    full = sum(verdict.outcome == "arguments" for verdict in whole)
    return _STRICTER.format(exact=exact, full=full) + later + _FOUND


def _by_operator(everything: Sequence[Verdict]) -> str:
    by_name: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in everything:
        if verdict.outcome in COVERED:
            by_name[verdict.operator].append(verdict)
    rows = []
    for name, verdicts in sorted(by_name.items(), key=lambda item: (-len(item[1]), item[0])):
        found = Counter(verdict.outcome for verdict in verdicts)
        counts = [f"{found[outcome] or '':,}" if found[outcome] else "" for outcome in COVERED]
        rows.append((f"`{name}`", f"{len(verdicts):,}", *counts, _ways(verdicts)))
    head = ("operator", "calls", "by arguments", "by form", "but for the library", "differ", "what ran beyond the rule")
    return _table(head, rows, numbers=1)


def _ways(verdicts: Sequence[Verdict]) -> str:
    """What ran where it is not what the rule says, the most frequent first."""
    ways = Counter(" ".join(verdict.seen) for verdict in verdicts if verdict.outcome in ("library", "differs"))
    shown = [f"{count}: {way}" for way, count in ways.most_common(2)]
    return "; ".join(shown) + (f"; {len(ways) - 2} other ways" if len(ways) > 2 else "")


def _rules() -> str:
    rules = table.rules()
    functions = {_name(function): rule for function, rule in composites.RULES.items()}
    whole = [(f"`{name}`", f"`{rule.source}`") for name, rule in sorted(functions.items())]
    listed = _table(("operator", "what it always launches", "read from"), _grouped(rules), numbers=3)
    return (
        f"## All {len(rules)} rules\n\nIn-place and out= forms share their function's rule, unless they have one; any "
        "view is told by its schema. Where the second column is empty, only the arguments tell.\n\n"
        f"{listed}\nFunctions that PyTorch decomposes differently on the CPU are charged as a whole:\n\n"
        f"{_table(('function', 'read from'), whole)}"
    )


def _name(function: Any) -> str:
    owner = getattr(function, "__objclass__", None)
    return f"{owner.__name__ if owner else function.__module__ or 'torch'}.{function.__name__}"


def _grouped(rules: dict[str, Rule]) -> list[tuple[str, ...]]:
    """Operators with one source and one form share a row."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, rule in rules.items():
        form = rule.form if rule.cost == "operator" else rule.form or "nothing"
        groups[rule.source, form or ""].append(name)
    rows = [
        (" ".join(f"`{name}`" for name in sorted(names)), _code(form), f"`{source}`")
        for (source, form), names in groups.items()
    ]
    return sorted(rows, key=lambda row: (row[2], row[0]))


def _code(form: str) -> str:
    return f"`{form}`".replace("|", "\\|") if form else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 9) -> str:
    """From column `numbers` on, figures; the last column of words is the exception."""
    rule = ["---:" if index >= numbers and not title.startswith("what") else "---" for index, title in enumerate(head)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows)) + "\n"
