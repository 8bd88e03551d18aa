"""docs/adding-a-kernel.md holds true: its four files, taken from the page, make a suite that passes."""

import importlib
import re
import shutil
from pathlib import Path

import pytest

import kernels.activation
import reference.activation
from harness.equality.check import check

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```(?:cuda|python)\n(?://|#) (\S+)\n(.*?)```", re.DOTALL)


@pytest.fixture
def tutorial_suite(tmp_path, monkeypatch):
    """The suite of the page, from files in a folder that joins the packages for one test."""
    files = dict(BLOCK.findall((ROOT / "docs/adding-a-kernel.md").read_text()))
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    shutil.copytree(ROOT / "kernels/cuda", tmp_path / "kernels/cuda")
    for package in (kernels.activation, reference.activation):
        folder = tmp_path / package.__name__.replace(".", "/")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.syspath_prepend(tmp_path / "suites/activation")
    return importlib.import_module("test_bias_tanh").bias_tanh


def test_the_page_shows_four_files():
    files = dict(BLOCK.findall((ROOT / "docs/adding-a-kernel.md").read_text()))
    assert [Path(name).parts[0] for name in files] == ["kernels", "kernels", "reference", "suites"]


def test_the_kernel_of_the_page_passes_its_suite(tutorial_suite, device):
    for case in tutorial_suite.cases():
        verdict = check(tutorial_suite, case, device)
        assert verdict.passed, f"{case}: {verdict.reason}"


def test_the_page_keeps_its_promise_of_40_lines_of_python():
    files = BLOCK.findall((ROOT / "docs/adding-a-kernel.md").read_text())
    python = "".join(content for name, content in files if name.endswith(".py"))
    assert sum(1 for line in python.splitlines() if line.strip()) <= 40
