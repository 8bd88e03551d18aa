"""CUDA C++ programs, compiled by nvcc: all that were collected start to compile in the background with the session.

A test asks for its program by the decorator `compiled` of build.py and gets it, loaded, as `program`.
"""

import sys
from pathlib import Path
from zlib import crc32

import pytest

ROOT = str(Path(__file__).parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from harness.compiler import CompileError, find_nvcc  # noqa: E402
from tests.vgpu.programs.build import Build, Builds  # noqa: E402
from tests.vgpu.programs.program import Program  # noqa: E402


def pytest_collection_modifyitems(config, items):
    """Each program in one variant, another for each program; all of them with --all-variants."""
    if config.getoption("all_variants"):
        return
    programs = [(item, build) for item in items if (build := _build(item))]
    variants: dict[Path, dict[object, set[str]]] = {}  # of each source, by the tests that run it
    for item, build in programs:
        variants.setdefault(build.source, {}).setdefault(item.function, set()).add(build.name)
    chosen = {source: _one_of(set.intersection(*tests.values()), source) for source, tests in variants.items()}
    left = {item for item, build in programs if chosen[build.source] != build.name}
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def _one_of(names, source):
    assert names, f"the tests of {source} have no variant in common"
    return sorted(names)[crc32(source.stem.encode()) % len(names)]


def _build(item):
    parameters = getattr(item, "callspec", None)
    found = parameters and parameters.params.get("program")
    return found if isinstance(found, Build) else None


@pytest.fixture(scope="session")
def builds(request):
    """The compilations of this session, in the order of the tests."""
    try:
        find_nvcc()
    except CompileError as missing:
        pytest.skip(str(missing))
    wanted = [_build(item) for item in request.session.items]
    with Builds(dict.fromkeys(build for build in wanted if build)) as running:
        yield running


@pytest.fixture
def program(request, builds):
    """The program that `compiled` names, loaded, with the mode of its variant."""
    build = request.param
    return Program(builds.ptx(build), str(build), build.variant.mode)
