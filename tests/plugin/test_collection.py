"""Suites as pytest's tests: what is collected, under which names, and what options and selection do to it."""

import os
from pathlib import Path

SOURCE = Path(__file__).parents[2]


def collected(result):
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


def test_every_case_is_a_test_named_after_suite_and_case(project):
    result = project.run_session("--collect-only", "-q", "-k", "bias_relu and fp16")
    assert collected(result) == [f"bias_relu[fp16-b{batch}-s{seq}]" for batch in (1, 8) for seq in (4, 16)]


def test_options_replace_the_values_of_axes(project):
    result = project.run_session("--collect-only", "-q", "--batch=3", "--seq=5,6", "--dtype=fp16")
    assert collected(result) == ["bias_relu[fp16-b3-s5]", "bias_relu[fp16-b3-s6]", "wrong[fp16-b3]"]


def test_quick_takes_the_first_value_of_every_axis(project):
    result = project.run_session("--collect-only", "-q", "--quick")
    assert collected(result) == ["bias_relu[fp16-b1-s4]", "bias_relu[fp32-b1-s4]", "wrong[fp32-b1]"]


def test_a_suite_can_be_named_on_the_command_line(project):
    project.run_session("test_suites.py::bias_relu").assert_outcomes(passed=8)
    project.run_session("test_suites.py::bias_relu[fp16-b8-s16]").assert_outcomes(passed=1)


def test_a_suite_that_is_imported_is_not_collected_twice(project):
    project.makepyfile(test_other="import sys; sys.path.insert(0, '.')\nfrom test_suites import bias_relu")
    result = project.run_session("--collect-only", "-q", "test_other.py")
    assert collected(result) == []


def test_cases_can_be_selected_by_the_marker(project):
    project.makepyfile(test_plain="def test_nothing(): pass")
    result = project.run_session("-m", "not fuseproof")
    result.assert_outcomes(passed=1, deselected=10)


def test_a_wrong_option_is_one_sentence(project):
    result = project.run_session("--dtype=fp17")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: no dtype is called 'fp17': choose from fp16, bf16, fp32, fp64"])


def test_cuda_without_a_gpu_is_one_sentence(project, monkeypatch):
    from harness.device import spec

    monkeypatch.setattr(spec, "cuda_gpus", lambda: 0)
    result = project.run_session("--device=cuda")
    assert [line for line in result.errlines if line] == [
        "ERROR: cuda:0 cannot be opened: no CUDA GPU answers on this machine; --device vgpu needs none."
    ]


def test_the_plugin_itself_imports_nothing_heavy(project, monkeypatch):
    heavy = project.makepyfile(
        heavy="import sys, harness.plugin; print(sorted({'torch', 'pycuda', 'llvmlite', 'pandas'} & set(sys.modules)))"
    )
    monkeypatch.setenv("PYTHONPATH", str(SOURCE), prepend=os.pathsep)
    assert project.runpython(heavy).outlines == ["[]"]
