"""`fuseproof run --counters` and `fuseproof report`, as a user calls them: on a kernel of a project, on the vgpu."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.results import store
from tests.cli.processes import ROOT, TRIPLED, fuseproof_in

SUITE = """
import torch

from harness.kernel import Kernel
from harness.suite import suite
from harness.sweep import Sweep

_tripled = Kernel("tripled.cu", "tripled")


def fused(x):
    out = torch.empty_like(x)
    _tripled(out, x, grid=x.numel() // 128, block=128)
    return out


@suite(fused=fused, reference=lambda x: x + x + x, launches=1, sweep=Sweep(batch=8, dtype="fp32"))
def tripled(case):
    return case.randn(case.batch, 1024)
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of a project after one run with counters, and what it printed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "suites").mkdir()
    (folder / "suites" / "test_tripled.py").write_text(SUITE)
    (folder / "suites" / "tripled.cu").write_text(TRIPLED)
    done = fuseproof_in(folder, "run", "--counters", "--sample-blocks", "16", "--variants", "none", "--device", "vgpu:T4",
                        "--out", "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def project(ran, monkeypatch, fuseproof):
    """The command, in that folder."""
    monkeypatch.chdir(ran[0])
    return fuseproof


def test_a_run_with_counters_prints_and_keeps_what_the_kernels_move(ran):
    folder, printed = ran
    assert "What the kernels move, on vgpu:T4, Tesla T4 (virtual), fp32, counted, some of it in a sample" in printed
    (result,) = store.load(folder / "out").results
    (kernel,) = result.counts.kernels
    assert (result.launch_budget, result.fused.launches, kernel.launches) == (1, 1, 1)
    assert (kernel.name, kernel.grid, kernel.block) == ("tripled", (64, 1, 1), (128, 1, 1))
    assert (kernel.sampled_blocks, kernel.blocks) == (16, 64)
    assert (result.counts.dram_bytes, result.counts.compulsory_bytes) == (2 * 32 * 1024, 2 * 32 * 1024)


def test_a_report_shows_the_stored_run(project):
    code, out, _ = project("report", "out")
    assert code == 0
    assert "1 of 1 cases equal" in out
    assert "│ tripled[fp32-b8] │         2 → 1 │      1 │" in out
    assert "1 \N{MULTIPLICATION SIGN} tripled" in out
    assert "16 of 64" in out


def test_every_format_is_printed_and_the_files_are_named_on_the_other_stream(project, tmp_path):
    for format_, start in (("markdown", "## tripled on"), ("csv", "table,device"), ("latex", "% needs")):
        code, out, err = project("report", "out", "--format", format_, "--to", str(tmp_path / "paper"))
        assert code == 0
        assert out.startswith(start)
        assert err.startswith("Written: ")
    names = sorted(path.name for path in (tmp_path / "paper").iterdir())
    assert names == ["kernels.csv", "kernels.md", "kernels.tex", "launches.csv", "launches.md", "launches.tex",
                     "speedups-tripled.tex", "speedups.csv", "speedups.md"]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report"], "no run can be read from reports/out: No such file or directory"),
        (["report", "suites"], "no run can be read from suites/results.json: No such file or directory"),
        (["report", "suites/tripled.cu"], "suites/tripled.cu is no JSON of a run: "),
        (["report", "out", "--suite", "gelu"], "out holds no result of suite 'gelu': it holds tripled"),
        (["report", "out", "-k", "b99"], "no result of out matches: its ids read like tripled[fp32-b8]"),
        (["run", "--counters", "--device", "cuda:1"],
         "counters come from the vgpu, not from cuda:1: give --device vgpu, or run Nsight Compute on the GPU"),
        (["run", "--sample-blocks", "8"], "--sample-blocks is for counters: give --counters, too"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(project, arguments, sentence):
    code, out, err = project(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"fuseproof: {sentence}")
    assert err.count("\n") == 1


def test_a_report_needs_neither_torch_nor_a_compiler(ran):
    code = (
        "import sys; from harness.cli import app\n"
        "try: app(['report', 'out'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pycuda', 'llvmlite'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=ran[0], env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
