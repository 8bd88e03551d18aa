import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.errors import FuseproofError
from harness.vgpu.library import build, prototypes

NM = shutil.which("nm")
ROOT = Path(__file__).parents[3]


def symbols(library, which):
    listed = subprocess.run([NM, "-D", which, library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in listed.splitlines()}


def python(code, **environment):
    """Run a program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}
    )


@pytest.mark.skipif(NM is None, reason="needs nm of binutils")
def test_every_symbol_that_pycuda_needs_is_exported():
    folder = Path(importlib.util.find_spec("pycuda").origin).parent
    (extension,) = folder.glob("_driver*.so")
    needed = {
        symbol for symbol in symbols(extension, "--undefined-only") if symbol.startswith("cu") and "@" not in symbol
    }
    assert len(needed) > 100
    assert needed <= symbols(build.build(), "--defined-only")


@pytest.mark.skipif(NM is None, reason="needs nm of binutils")
def test_every_prototype_is_exported():
    assert set(prototypes.functions()) <= symbols(build.build(), "--defined-only")


def test_the_library_is_built_once(monkeypatch):
    first = build.build()
    monkeypatch.setattr(build, "_compiled", lambda: pytest.fail("compiled again"))
    assert build.build() == first


def test_processes_that_build_at_the_same_time_get_the_same_library(tmp_path):
    code = "from harness.vgpu.library import build; print(build.build())"
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: python(code, FUSEPROOF_CACHE=str(tmp_path)), range(3)))
    assert [run.returncode for run in done] == [0, 0, 0]
    (path,) = {run.stdout.strip() for run in done}
    assert os.listdir(Path(path).parent) == [build.SONAME]


def test_it_is_placed_for_the_linker(tmp_path, capsys):
    assert build.main(["--into", str(tmp_path)]) == 0
    assert sorted(os.listdir(tmp_path)) == ["libcuda.so", "libcuda.so.1"]
    assert (tmp_path / "libcuda.so").resolve() == tmp_path / "libcuda.so.1"


def test_without_a_compiler_one_sentence_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert build.main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no C compiler found")


def test_without_the_headers_of_python_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(FuseproofError, match=r"Python.h is not in .* install python3\.\d+-dev"):
        build.build()


def test_pycuda_runs_in_a_fresh_process():
    done = python(
        "import harness.vgpu; harness.vgpu.open('V100')\n"
        "import pycuda.autoinit, pycuda.driver\n"
        "print(pycuda.autoinit.device.name())"
    )
    assert (done.stdout, done.stderr) == ("Tesla V100-SXM2-16GB\n", "")


def test_importing_the_package_loads_nothing_heavy():
    done = python(
        "import sys, harness.vgpu; print({'torch', 'numpy', 'llvmlite', 'cffi', 'pycuda'} & set(sys.modules))"
    )
    assert done.stdout == "set()\n"


def test_the_library_starts_where_somebody_has_looked_at_a_capsule_before():
    done = python(
        "import datetime\n"
        "try: datetime.datetime_CAPI.nothing\n"
        "except AttributeError: pass\n"
        "import harness.vgpu; print(harness.vgpu.open().gpu.name)"
    )
    assert (done.stdout, done.returncode) == ("T4\n", 0)


def test_the_library_works_without_open_where_the_loader_finds_it(tmp_path):
    build.place(tmp_path)
    done = python(
        "import pycuda.driver as d; d.init(); print(d.Device(0).name())",
        LD_LIBRARY_PATH=str(tmp_path),
        FUSEPROOF_GPU="A100",
    )
    assert "A100" in done.stdout, done.stderr


def test_opening_after_pycuda_is_bound_to_another_driver_is_refused():
    done = python(
        "import sys, types; sys.modules['pycuda._driver'] = types.ModuleType('pycuda._driver')\n"
        "import harness.vgpu\n"
        "from harness.errors import FuseproofError\n"
        "try: harness.vgpu.open()\n"
        "except FuseproofError as error: print(error)"
    )
    assert done.stdout.startswith("pycuda.driver is already imported, with the driver of a real GPU")


def test_an_unknown_gpu_is_answered_with_the_known_ones():
    import harness.vgpu

    with pytest.raises(FuseproofError, match=r"unknown gpu 'T5'; known: .*T4"):
        harness.vgpu.open("T5")


@pytest.mark.parametrize(
    "keep",
    [
        "",  # globals of the program
        "import sys, os; os.kept = [allocation, module, context, event]; ",  # of a module that outlives the driver's
        "cycle = [allocation, module, context, event]; cycle.append(cycle); ",
        "context.pop(); import pycuda.autoinit; ",
    ],
)
def test_a_program_may_end_with_everything_still_alive(keep):
    pop = "" if "pop" in keep else "context.pop()"
    done = python(
        "import harness.vgpu; harness.vgpu.open()\n"
        "import pycuda.driver as d; d.init(); context = d.Device(0).make_context()\n"
        "allocation, event = d.mem_alloc(64), d.Event().record()\n"
        "module = d.module_from_buffer(b'.version 8.0\\n.target sm_75\\n.address_size 64\\n.entry nop() { ret; }')\n"
        f"function = module.get_function('nop'); function(block=(1, 1, 1)); {keep}\n{pop}"
    )
    assert (done.returncode, done.stderr) == (0, "")
