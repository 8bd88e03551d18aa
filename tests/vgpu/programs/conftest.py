"""CUDA C++ programs, compiled by nvcc: all that were collected start to compile in the background with the session.

A test asks for its program by the decorator `compiled` of build.py and gets it, loaded, as `program`.
"""

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from harness.compiler import CompileError, find_nvcc  # noqa: E402
from tests.vgpu.programs.build import Build, Builds  # noqa: E402
from tests.vgpu.programs.program import Program  # noqa: E402


@pytest.fixture(scope="session")
def builds(request):
    """The compilations of this session, in the order of the tests."""
    try:
        find_nvcc()
    except CompileError as missing:
        pytest.skip(str(missing))
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = [found for p in parameters if p and isinstance(found := p.params.get("program"), Build)]
    with Builds(dict.fromkeys(wanted)) as running:
        yield running


@pytest.fixture
def program(request, builds):
    """The program that `compiled` names, loaded, with the mode of its variant."""
    build = request.param
    return Program(builds.ptx(build), str(build), build.variant.mode)
