"""The set-up's checks and pins; the set-up itself is what these tests run in."""

import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def setup(monkeypatch):
    """The set-up script as a module."""
    specification = importlib.util.spec_from_file_location("set_up", ROOT / ".ci" / "setup.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.chdir(ROOT)
    return module


def complaint(setup):
    with pytest.raises(setup.Stop) as stop:
        setup.check()
    message = str(stop.value)
    assert "\n" not in message
    return message


def test_this_machine_passes(setup):
    setup.check()


def test_an_old_python_is_named(setup, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 7))
    assert "needs Python 3.10 or newer" in complaint(setup)


def test_a_missing_compiler_is_named(setup, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert "no C++ compiler: g++ is not on PATH" in complaint(setup)


def test_missing_headers_of_python_are_named(setup, monkeypatch, tmp_path):
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert "Python.h is not in" in complaint(setup)


def test_a_python_without_venv_is_named(setup, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert re.search(r"install python3\.\d+-venv", complaint(setup))


def test_a_failing_download_without_a_network_is_named(setup, monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "PYTHON", "false")
    monkeypatch.setattr(setup, "LOG", str(tmp_path / "log"))
    monkeypatch.setattr(setup, "reachable", lambda host: False)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    with pytest.raises(setup.Stop, match=r"no network: pip cannot reach pypi\.org to download PyTorch"):
        setup.pip("PyTorch", ["torch"])


def test_a_failing_step_shows_the_end_of_its_log(setup, monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "LOG", str(tmp_path / "log"))
    with pytest.raises(setup.Stop, match=r"the step failed; the end of .*log:\n(.*\n)*  it went wrong"):
        setup.run("the step", ["sh", "-c", "echo it went wrong; exit 1"])


def test_the_script_has_no_syntax_that_an_old_python_cannot_read():
    import ast

    ast.parse((ROOT / ".ci" / "setup.py").read_text(), feature_version=(3, 4))


def test_make_does_nothing_twice(monkeypatch):
    if not list((ROOT / ".venv").glob("set-up-*")):
        pytest.skip("this tree was not set up by make")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "setup"], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert "setup.py" not in done.stdout


class TestPins:
    @pytest.fixture
    def pins(self):
        lines = (ROOT / "constraints.txt").read_text().splitlines()
        return dict(re.match(r"([\w.-]+)==([\w.]+)", line).groups() for line in reversed(lines) if line[:1].isalpha())

    def test_every_line_pins_a_version(self):
        for line in (ROOT / "constraints.txt").read_text().splitlines():
            assert re.fullmatch(r"(#.*)?|[\w.-]+==[\w.]+(; python_version (<|>=) '3\.11')?", line), line

    def test_every_requirement_is_pinned(self, pins):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        wanted = project["dependencies"] + [r for group in project["optional-dependencies"].values() for r in group]
        names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in wanted} - {"fuseproof"}
        assert names <= pins.keys()

    def test_everything_that_is_installed_is_pinned(self, pins):
        installed = {re.sub(r"[-_.]+", "-", found.name).lower() for found in distributions()}
        assert installed - pins.keys() - {"fuseproof", "pip"} == set()

    def test_torch_has_the_version_that_the_issue_asks_for(self, pins):
        assert pins["torch"] == "2.13.0"
