"""The command line: what it prints, writes and returns. Suites are pure torch, on a device without a driver."""

import subprocess
import sys
from pathlib import Path

import pytest

import harness.run
from harness import cli
from harness.results import store
from harness.results.record import Profile, Variant

SUITES = """
import torch

from harness.suite import suite
from harness.sweep import Sweep


@suite(fused=torch.relu, reference=torch.relu, launches=1, sweep=Sweep(batch=(1, 8), dtype=("fp16", "fp32")))
def relu(case):
    return case.randn(case.batch, 16)


@suite(fused=lambda x: x, reference=torch.neg, sweep=Sweep(batch=2, dtype="fp32"))
def wrong(case):
    return case.randn(case.batch, 16)
"""


@pytest.fixture
def project(tmp_path, plain_device, monkeypatch, fuseproof):
    """A folder with suites/area/test_some.py, in which `project(*arguments)` runs the command."""
    (tmp_path / "suites" / "area").mkdir(parents=True)
    (tmp_path / "suites" / "area" / "test_some.py").write_text(SUITES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    profile = Profile("case", "modelled", 1, 1, 0, 0, 1.0, 8.0, 4.0, 1.0, 0, 0.0, 64, ())
    monkeypatch.setattr(
        harness.run, "_profiles",
        lambda function, inputs, case, side, device, ways: tuple(Variant(side, way, profile) for way in ("eager", *ways)),
    )  # fmt: skip
    return fuseproof


def test_run_prints_tables_and_writes_the_reports(project, tmp_path):
    code, out, _ = project("run", "relu", "--out", "out")
    assert code == 0
    assert "relu on vgpu:T4, Tesla T4 (virtual), seed 0, times modelled" in out
    assert "4 of 4 cases equal; geometric mean speedup: wall 1.00x, busy 1.00x" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["results.csv", "results.json", "results.md"]


def test_variants_are_timed_as_graphs_unless_none_are_wanted(project, tmp_path):
    for arguments, graphs in (((), 8), (("--variants", "all"), 8), (("--variants", "none"), 0)):
        _, out, _ = project("run", "relu", "--out", "out", *arguments)
        assert out.count("CUDA graph") == graphs
        kept = store.load(tmp_path / "out" / "results.json").results
        assert sum(len(result.variants) for result in kept) == graphs


def test_two_runs_write_the_same_bytes(project, tmp_path):
    for folder in ("one", "two"):
        project("run", "relu", "--out", folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_failed_case_is_explained_and_the_exit_code_is_1(project):
    code, out, _ = project("check", "wrong")
    assert code == 1
    assert "0 of 1 cases equal" in out
    assert "wrong[fp32-b2] failed (seed 0): output: the largest error is" in out
    assert "first bad element  output[0, 0]" in out


def test_without_names_all_suites_run_and_one_failure_leaves_the_others(project):
    code, out, _ = project("check")
    assert code == 1
    assert "4 of 4 cases equal" in out
    assert "0 of 1 cases equal" in out


@pytest.mark.parametrize("name", ["area", "some", "suites/area/test_some.py", "suites/area"])
def test_suites_go_by_folder_and_file_too(project, name):
    _, out, _ = project("check", name, "-k", "relu")
    assert "4 of 4 cases equal" in out


def test_check_writes_no_files(project, tmp_path):
    project("check", "relu")
    assert [path.name for path in tmp_path.iterdir()] == ["suites"]


def test_options_choose_the_cases_and_the_seed(project, tmp_path):
    project("run", "relu", "--batch", "3,4", "--dtype", "fp32", "--seed", "9", "-k", "b4", "--out", "out")
    (result,) = store.load(tmp_path / "out" / "results.json").results
    assert (result.id, result.seed) == ("relu[fp32-b4]", 9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check", "nothing"], "fuseproof: no suite answers to 'nothing': there are relu, wrong\n"),
        (["check", "--dtype", "fp17"], "fuseproof: no dtype is called 'fp17': choose from fp16, bf16, fp32, fp64\n"),
        (
            ["check", "--device", "tpu"],
            "fuseproof: no device is called 'tpu': it is vgpu, vgpu:GPU, vgpu:GPU:HOST, cuda or cuda:N",
        ),
        (["check", "--device", "vgpu:A100"], "fuseproof: this process runs on vgpu:T4: start another one"),
        (["check", "-k", "b99"], "fuseproof: no case of relu, wrong matches 'b99'\n"),
        (["run", "--variants", "fast"], "fuseproof: --variants takes graph, compile, all or none, not 'fast'\n"),
        (["run", "--variants", "compile"], "fuseproof: --variants compile needs --device cuda: the vgpu does not know"),
    ],
)
def test_what_cannot_run_is_one_sentence_and_exit_code_2(project, arguments, sentence):
    code, out, err = project(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1


def test_cuda_without_a_gpu_is_one_sentence(project, monkeypatch):
    from harness.device import spec

    monkeypatch.setattr(spec, "cuda_gpus", lambda: 0)
    code, _, err = project("run", "--device", "cuda")
    assert code == 2
    assert err == "fuseproof: cuda:0 cannot be opened: no CUDA GPU answers on this machine; --device vgpu needs none.\n"


def test_a_suite_that_cannot_be_imported_is_named(project, tmp_path):
    (tmp_path / "suites" / "test_broken.py").write_text("import nothing_of_this_name")
    _, _, err = project("check")
    assert "test_broken.py cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'" in err


def test_devices_lists_every_gpu_of_the_vgpu_and_marks_the_default(project, monkeypatch):
    from harness.device import spec

    monkeypatch.setattr(spec, "cuda_gpus", lambda: 0)
    code, out, _ = project("devices")
    assert code == 0
    for label in ("vgpu:T4 (default)", "vgpu:V100", "vgpu:A100", "vgpu:H100"):
        assert label in out
    assert "No CUDA GPU answers on this machine." in out


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from harness.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pycuda', 'llvmlite', 'pandas', 'numpy', 'pytest'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cli.__file__[:-15]
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "devices" in done.stdout


def test_validate_model_prints_errors_and_parameters(project, monkeypatch):
    monkeypatch.chdir(Path(cli.__file__).parents[1])  # where reports/ is
    code, out, _ = project("validate-model")
    assert code == 0
    assert "Encoder on a T4, FasterTransformer 2.1" in out
    assert "gpu.gemm_step_cycles" in out
