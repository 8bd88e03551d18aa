"""The `fuseproof` command: run, check, report, mutate, profile, table, import, devices, validate-model.

In: options as text. Out: tables on the terminal, files, exit code 1 when a case fails and 2 when a command cannot run.
Every heavy import waits until a command needs it, so that --help answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from harness.errors import FuseproofError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.counted import Run as CountedRun
    from harness.results.record import Run
    from harness.timeline.overview import Overview
    from harness.timeline.schema import Timeline

app = typer.Typer(
    help="Proves that fused CUDA kernels equal their PyTorch references, and shows what they save.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Suites: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="SUITE", help="Suites, folders of suites/, or files; default: all.")
]
DeviceText: TypeAlias = Annotated[
    str | None, typer.Option(help="vgpu[:GPU[:HOST]] or cuda[:N]; default: a GPU that answers, else vgpu.")
]
Dtype: TypeAlias = Annotated[str | None, typer.Option(metavar="LIST", help="fp16, bf16, fp32, fp64; as fp16,fp32.")]
Batch: TypeAlias = Annotated[str | None, typer.Option(metavar="LIST", help="Batch sizes, as 1,8,32.")]
Seq: TypeAlias = Annotated[str | None, typer.Option(metavar="LIST", help="Sequence lengths, as 32,128.")]
Axis: TypeAlias = Annotated[list[str] | None, typer.Option(metavar="NAME=LIST", help="Values of any other axis.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Seed of the inputs.")]
Keyword: TypeAlias = Annotated[str, typer.Option("-k", metavar="TEXT", help="Only cases whose id contains this text.")]
Quick: TypeAlias = Annotated[bool, typer.Option("--quick", help="Only the first value of every axis, all dtypes.")]
Family: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="Families of inputs: few, all, none, or the name of one.")
]
Search: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Instead, draw N cases of any shape, family and seed; shrink one that fails.")
]
Variants: TypeAlias = Annotated[
    str, typer.Option(metavar="LIST", help="Further ways to time: graph, compile (on a GPU), all, none.")
]
Sample: TypeAlias = Annotated[
    int,
    typer.Option("--sample-blocks", metavar="N", min=0, help="Count in N blocks of each launch only; 0: in all."),
]
Out: TypeAlias = Annotated[Path | None, typer.Option(help="Folder for the reports; for check: none unless given.")]

TimelineFormat: TypeAlias = Literal["terminal", "markdown", "csv", "json"]
TimelineFormatOption: TypeAlias = Annotated[
    TimelineFormat, typer.Option("--format", help="How the tables are printed.")
]
PerfettoOut: TypeAlias = Annotated[
    Path | None, typer.Option("--perfetto", metavar="OUT", help="Also write a trace for Perfetto.")
]
ReportFormat: TypeAlias = Literal["terminal", "markdown", "csv", "latex"]
REPORT_FILES = ("markdown", "csv", "latex")
DEFAULT_OUT = Path("reports/out")
DOCUMENT = Path("docs/model-validation.md")


@app.command()
def run(
    suites: Suites = None,
    device: DeviceText = None,
    dtype: Dtype = None,
    batch: Batch = None,
    seq: Seq = None,
    axis: Axis = None,
    seed: Seed = 0,
    keyword: Keyword = "",
    quick: Quick = False,
    variants: Variants = "graph",
    counters: Annotated[
        bool, typer.Option("--counters", help="Also count what the fused kernels move, on the vgpu.")
    ] = False,
    sample: Sample = 0,
    out: Out = DEFAULT_OUT,
) -> None:
    """Check cases, count their launches, time them, and print speedup tables."""
    from harness.running import Options, run_suites
    from harness.selection import select

    selection = select(batch, seq, dtype, axis or (), seed=seed, quick=quick, keyword=keyword)
    options = Options(profiles=True, variants=variants, counters=counters, sample=sample, out=out)
    _exit_by(run_suites(suites or (), selection, device, options, _console()))


@app.command()
def check(
    suites: Suites = None,
    device: DeviceText = None,
    dtype: Dtype = None,
    batch: Batch = None,
    seq: Seq = None,
    axis: Axis = None,
    seed: Seed = 0,
    keyword: Keyword = "",
    quick: Quick = False,
    family: Family = "few",
    search: Search = 0,
    out: Out = None,
) -> None:
    """Check cases only: equality, with every guard, on several families of inputs."""
    from harness.running import Options, run_suites
    from harness.selection import select

    family = "none" if quick and family == "few" else family
    selection = select(batch, seq, dtype, axis or (), seed=seed, quick=quick, keyword=keyword, family=family)
    options = Options(profiles=False, search=search, out=out)
    _exit_by(run_suites(suites or (), selection, device, options, _console()))


@app.command("report")
def report_(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="What fuseproof run wrote: its folder, or results.json.")
    ] = DEFAULT_OUT,
    suite: Annotated[
        list[str] | None, typer.Option("--suite", metavar="NAME", help="Only this suite; again for more.")
    ] = None,
    dtype: Dtype = None,
    keyword: Keyword = "",
    format_: Annotated[ReportFormat, typer.Option("--format", help="How the tables are printed.")] = "terminal",
    to: Annotated[Path | None, typer.Option(help="Also write every table here, in Markdown, CSV and LaTeX.")] = None,
) -> None:
    """Tables of a stored run: speedups, launches beside the originals', and what the kernels move."""
    from harness.discovery import report
    from harness.results.command import chosen

    stored = chosen(run, suite or (), dtype, keyword)
    rendering = report(f"stored.{format_}")
    if format_ == "terminal":
        _console().print(rendering.renderable(stored))
    else:
        sys.stdout.write(rendering.render(stored))
    if to:
        to.mkdir(parents=True, exist_ok=True)
        paths = [path for name in REPORT_FILES for path in report(f"stored.{name}").write(stored, to)]
        print(f"Written: {', '.join(str(path) for path in paths)}", file=sys.stderr)


@app.command()
def mutate(
    suites: Suites = None,
    kernel: Annotated[
        list[str] | None, typer.Option("--kernel", metavar="FILE", help="Only mutants of this .cu or .cuh file.")
    ] = None,
    operator: Annotated[
        list[str] | None, typer.Option("--operator", metavar="NAME", help="Only mutants of this operator.")
    ] = None,
    mutant: Annotated[
        list[str] | None, typer.Option("--mutant", metavar="ID", help="This mutant, as a report names it.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many mutants to draw.", min=1)] = 100,
    all_: Annotated[bool, typer.Option("--all", help="Every mutant.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    jobs: Annotated[int, typer.Option("-j", metavar="JOBS", help="Mutants at a time.", min=1)] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the folder's journal knows.")] = False,
    at_least: Annotated[float, typer.Option(help="The score below which to exit with 1.", min=0, max=1)] = 0.99,
    device: Annotated[str | None, typer.Option(help="vgpu[:GPU].")] = None,
    dtype: Dtype = None,
    batch: Batch = None,
    seq: Seq = None,
    axis: Axis = None,
    keyword: Keyword = "",
    quick: Quick = False,
    family: Family = "few",
    out: Annotated[Path, typer.Option(help="Folder for the reports and the journal.")] = DEFAULT_OUT,
) -> None:
    """Break the CUDA sources of suites in small ways, and count the mistakes that their cases notice."""
    from harness.discovery import report
    from harness.mutation.command import Options
    from harness.mutation.command import mutate as run_campaign
    from harness.selection import select

    selection = select(batch, seq, dtype, axis or (), quick=quick, keyword=keyword, family=family)
    drawn = None if all_ else limit
    options = Options(
        selection,
        files=tuple(kernel or ()),
        operators=tuple(operator or ()),
        mutants=tuple(mutant or ()),
        seed=seed,
        limit=drawn,
        jobs=jobs,
        resume=resume,
        out=out,
    )
    console = _console()
    campaign = run_campaign(suites or (), device or "vgpu", options, console)
    console.print(report("mutation.terminal").renderable(campaign))
    paths = [report(f"mutation.{name}").write(campaign, out) for name in ("markdown", "json")]
    console.print(f"Written: {', '.join(str(path) for path in paths)}", highlight=False, soft_wrap=True)
    if (campaign.total.score or 0.0) < at_least and campaign.total.dead + campaign.total.alive:
        raise typer.Exit(1)


@app.command()
def profile(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite of suites/, or a file.")],
    device: DeviceText = None,
    dtype: Dtype = None,
    batch: Batch = None,
    seq: Seq = None,
    axis: Axis = None,
    seed: Seed = 0,
    keyword: Keyword = "",
    graph: Annotated[bool, typer.Option("--graph", help="Also replay both functions as CUDA graphs.")] = False,
    format_: TimelineFormatOption = "terminal",
    perfetto: PerfettoOut = None,
    sample: Sample = 0,
) -> None:
    """One case in detail: launches, gaps, kernels of the reference, the fused function, NVTX ranges; and counters."""
    from harness.timeline.injection.record import enable_if_free

    enable_if_free()  # before anything calls NVTX
    from harness.detail import overview_of, profile_case
    from harness.device import open_device, parse_spec
    from harness.device.spec import require
    from harness.discovery import find_suites
    from harness.results.explain import explain
    from harness.selection import select

    spec = parse_spec(device)
    require(spec)
    jobs = select(batch, seq, dtype, axis or (), seed=seed, keyword=keyword).jobs(find_suites([suite]))
    if len(jobs) > 1:
        print(f"{len(jobs)} cases match, this is the first; -k and --dtype choose another", file=sys.stderr)
    detail = profile_case(jobs[0], open_device(spec), graphs=graph, sample=sample)
    if detail.timeline is None:
        _console().print(explain(detail.result), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    _print_timeline(overview_of(detail), format_, detail.counted)
    _write_perfetto(detail.timeline, perfetto)


@app.command()
def table(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which table; without, lists them.")] = None,
    device: Annotated[str | None, typer.Option(help="vgpu[:GPU[:HOST]] or cuda[:N]; default: the table's own.")] = None,
    keyword: Keyword = "",
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder for the table in Markdown.")] = DEFAULT_OUT,
) -> None:
    """Make a table of the original systems again, with the published figures beside it."""
    from harness.originals.tables import TABLES, original

    if name is None:
        for each in TABLES.values():
            _console().print(f"{each.name:20} {each.title}, on {each.device}", highlight=False, soft_wrap=True)
        return
    chosen = original(name)
    from harness.device import open_device
    from harness.discovery import report
    from harness.originals.command import finished

    opened, console = open_device(device or chosen.device), _console()
    made = finished(chosen, opened, keyword, seed, console)
    console.print(report("originals.terminal").renderable(made))
    path = report("originals.markdown").write(made, out)
    console.print(f"Written: {path}", highlight=False, soft_wrap=True)


@app.command()
def devices() -> None:
    """The devices that --device can name."""
    from rich.table import Table

    from harness.device.spec import cuda_gpus, default_spec
    from harness.vgpu import gpus, hosts

    default = default_spec().label
    table = Table("device", "name", "times", "compute capability", "SMs", "DRAM GB/s", title="Devices")
    for index in range(cuda_gpus()):
        table.add_row(_marked(f"cuda:{index}", default), "GPU of this machine", "measured")
    for name in gpus.names():
        gpu = gpus.load(name)
        capability = ".".join(map(str, gpu.compute_capability))
        bandwidth = f"{gpu.dram_bandwidth / 1e9:.0f}"
        table.add_row(_marked(f"vgpu:{name}", default), gpu.full_name, "modelled", capability, str(gpu.sms), bandwidth)
    console = _console()
    console.print(table)
    console.print("Hosts of a vgpu, as in vgpu:V100:dgx1-2020:")
    for name in hosts.names():
        console.print(f"  {_marked(name, hosts.DEFAULT)}  {hosts.load(name).full_name}", highlight=False)
    if not cuda_gpus():
        console.print("No CUDA GPU answers on this machine.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A trace of torch.profiler, or Nsight Systems' SQLite.")],
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range", metavar="NAME", help="Only this range; twice: the first is the reference of the second."
        ),
    ] = None,
    device: Annotated[int | None, typer.Option(metavar="N", help="Only what ran on this GPU.")] = None,
    format_: TimelineFormatOption = "terminal",
    perfetto: PerfettoOut = None,
) -> None:
    """Launches, busy and idle time, and gaps with their causes, of a profiler's trace."""
    from harness.timeline import load
    from harness.timeline.figures import figures
    from harness.timeline.overview import overview

    timeline = load(file)
    _print_timeline(overview(figures(timeline, device), range_ or ()), format_)
    _write_perfetto(timeline, perfetto)


@app.command("validate-model")
def validate_model(
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the parameters again, each cell left out once: minutes.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write docs/model-validation.md and the stated error.")
    ] = False,
) -> None:
    """The time model against published times: errors, and the few parameters that were fitted."""
    from harness.discovery import report
    from harness.validation.command import validate, write_result

    validation, console = validate(refit=fit), _console()
    console.print(report("validation.terminal").renderable(validation))
    if write:
        path = report("validation.markdown").write(validation, DOCUMENT)
        console.print(f"Written: {path}, {write_result(validation)}", highlight=False, soft_wrap=True)
    if not validation.reproduced:
        print("fuseproof: the fit finds other values than the data files hold", file=sys.stderr)
        raise typer.Exit(1)


def main() -> None:
    """The command's entry point: an error that a user can act on is one message, not a traceback."""
    try:
        app()
    except FuseproofError as error:
        print(f"fuseproof: {error}", file=sys.stderr)
        sys.exit(2)


def _exit_by(run: Run) -> None:
    """Exit with 1 if a case failed."""
    if not all(result.verdict.passed for result in run.results):
        raise typer.Exit(1)


def _console() -> Console:
    """The terminal; a file or pipe gets lines long enough for every table."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=140)


def _print_timeline(overview: Overview, format_: TimelineFormat, counted: CountedRun | None = None) -> None:
    from harness.discovery import report

    rendering = report(f"timeline.{format_}")
    if format_ == "terminal":
        _console().print(rendering.renderable(overview, counted))
    else:
        sys.stdout.write(rendering.render(overview, counted))


def _write_perfetto(timeline: Timeline, path: Path | None) -> None:
    if path is None:
        return
    from harness.timeline.perfetto import write

    write(timeline, path)
    print(f"Written: {path}", file=sys.stderr)


def _marked(label: str, default: str) -> str:
    return f"{label} (default)" if label == default else label
