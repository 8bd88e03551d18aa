"""nvcc runs, its cache, and what it says when a source is wrong."""

import subprocess

import pytest

from harness import compiler
from harness.compiler import CompileError, compile_unit, find_nvcc
from harness.vgpu import toolkit
from harness.vgpu.cache import cache_directory

SOURCE = """#include "more.cuh"

template <typename T, int N> __global__ void scale(T* out, int n, float by) {
    if (threadIdx.x < n) out[threadIdx.x] *= by * FACTOR * N;
}
__global__ void plain() {}
__device__ void no_kernel() {}
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "more.cuh").write_text("#define FACTOR 2\n")
    path = tmp_path / "scale.cu"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def runs(monkeypatch):
    """The command lines of all nvcc runs that compile."""
    seen = []
    real = subprocess.run

    def run(command, **options):
        if "--fatbin" in command:
            seen.append(command)
        return real(command, **options)

    monkeypatch.setattr(compiler.subprocess, "run", run)
    return seen


def test_a_unit_holds_every_kernel_asked_for_as_machine_code_and_ptx(source):
    unit = compile_unit(source, ["scale<float, 3>", "plain"], (7, 5))
    assert unit.entries["scale<float, 3>"].symbol == "_Z5scaleIfLi3EEvPT_if"
    assert [parameter.type for parameter in unit.entries["scale<float, 3>"].parameters] == ["u64", "u32", "f32"]
    assert unit.entries["plain"].parameters == ()
    assert b".target sm_75" in unit.fatbin
    assert b"\x7fELF" in unit.fatbin


def test_a_second_request_is_answered_from_the_cache(source, runs):
    first = compile_unit(source, ["plain"], (7, 5))
    assert compile_unit(source, ["plain"], (7, 5)) == first
    assert len(runs) == 1


@pytest.mark.parametrize("change", ["source", "header", "expressions", "capability"])
def test_whatever_the_result_depends_on_makes_a_new_unit(source, runs, change):
    compile_unit(source, ["plain"], (7, 5))
    if change == "source":
        source.write_text(SOURCE + "\n")
    if change == "header":
        (source.parent / "more.cuh").write_text("#define FACTOR 3\n")
    expressions = ["plain", "scale<float, 1>"] if change == "expressions" else ["plain"]
    compile_unit(source, expressions, (8, 0) if change == "capability" else (7, 5))
    assert len(runs) == 2


def test_an_error_names_file_and_line_and_brings_nvcc_s_words(source):
    source.write_text("__global__ void plain(int* x) {\n    *x = y;\n}\n")
    with pytest.raises(CompileError, match=rf'^nvcc refused {source}:2\n.*identifier "y" is undefined'):
        compile_unit(source, ["plain"], (7, 5))


def test_a_kernel_that_is_not_there_names_the_source_and_what_was_asked_for(source):
    with pytest.raises(CompileError, match=rf"^nvcc refused {source}, in one of nothing<float>"):
        compile_unit(source, ["nothing<float>"], (7, 5))


def test_a_function_that_is_no_kernel_is_refused(source):
    with pytest.raises(CompileError, match="no_kernel: declared without __global__"):
        compile_unit(source, ["no_kernel"], (7, 5))


def test_a_failed_compilation_leaves_nothing_in_the_cache(source):
    with pytest.raises(CompileError):
        compile_unit(source, ["nothing"], (7, 5))
    assert list((cache_directory() / "units").glob("*")) == []


def test_a_missing_source_is_one_sentence(source):
    with pytest.raises(CompileError, match=r"no CUDA source at .*other.cu: a Kernel's path is relative"):
        compile_unit(source.with_name("other.cu"), ["plain"], (7, 5))


def test_without_nvcc_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr(toolkit, "find", lambda program: None)
    with pytest.raises(CompileError, match="pip install 'cuda-toolkit"):
        find_nvcc()


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("FUSEPROOF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "fuseproof"
