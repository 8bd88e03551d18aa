"""The outer edge: finds suites and reports by name while the program runs.

Nothing else in harness/ knows those folders, and nothing in it imports them by an import statement: a project may bring
its own suites, and a report sees only the record of a run.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from harness.errors import FuseproofError
from harness.suite import Suite

SUITES = "suites"
REPORTS = "reports"


def find_suites(wanted: Sequence[str] = ()) -> list[Suite]:
    """The suites of those names, folders or files; without any, all suites of the suites/ folder.

    "bias_gelu" is a suite, "encoder" a folder within suites/, "mine/test_new.py" a file anywhere.
    """
    if not wanted:
        return _load(_suites_folder())
    known: list[Suite] = []
    found: list[Suite] = []
    for word in wanted:
        if Path(word).exists() and (word.endswith(".py") or "/" in word):
            matching = _load(Path(word).resolve())
        else:
            known = known or _load(_suites_folder())
            matching = [suite for suite in known if _answers(suite, word)]
        if not matching:
            raise FuseproofError(
                f"no suite answers to {word!r}: there are {', '.join(s.name for s in known) or 'none'}"
            )
        found += [suite for suite in matching if suite not in found]
    return found


def report(name: str) -> ModuleType:
    """The module of reports/ that renders a run as `name` ("terminal", "markdown", "csv")."""
    return importlib.import_module(f"{REPORTS}.{name}")


def _answers(suite: Suite, word: str) -> bool:
    inside = suite.path.relative_to(_suites_folder())
    return word in (suite.name, *inside.parts[:-1], inside.stem.removeprefix("test_"))


def _suites_folder() -> Path:
    """suites/ of the working directory, else the installed one."""
    here = Path.cwd() / SUITES
    if here.is_dir():
        return here
    installed = importlib.util.find_spec(SUITES)
    for folder in (installed and installed.submodule_search_locations) or ():
        return Path(folder)
    raise FuseproofError(f"there is no {SUITES}/ folder here: change to the project's folder, or name a file of suites")


def _load(place: Path) -> list[Suite]:
    """The suites of a file, or of every test_*.py below a folder, in the order of files and lines."""
    files = [place] if place.is_file() else sorted(place.rglob("test_*.py"))
    root = str(_suites_folder().parent) if (Path.cwd() / SUITES).is_dir() else str(Path.cwd())
    if root not in sys.path:
        sys.path.insert(0, root)  # suites import the project's kernels/ and reference/
    return [suite for file in files for suite in _defined(_import(file), file)]


def _defined(module: ModuleType, file: Path) -> Iterable[Suite]:
    own = {id(one): one for one in vars(module).values() if isinstance(one, Suite) and one.path == file}
    return sorted(own.values(), key=lambda suite: suite.line)


def _import(file: Path) -> ModuleType:
    """Import a file under a name of its own: two folders may hold files of one name, and none need be a package."""
    name = f"fuseproof_suites.{'.'.join(file.with_suffix('').parts[1:])}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise FuseproofError(f"{file} cannot be imported as Python")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise FuseproofError(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    return module
