"""`fuseproof profile`, as a user calls it: a process of its own, a project's own suite, the vgpu."""

from __future__ import annotations

import json

import pytest

from tests.cli.processes import TRIPLED, fuseproof_in

SUITES = """
import nvtx
import torch

from harness.kernel import Kernel
from harness.suite import suite
from harness.sweep import Sweep


def reference(x):
    with nvtx.annotate("naive part", domain="model"):
        y = x + x
    return torch.relu(y)


def fused(x):
    with nvtx.annotate("whole", domain="model"), nvtx.annotate("nothing launched"):
        pass
    with nvtx.annotate("doubled", domain="model"):
        return torch.relu(x * 2)


@suite(fused=fused, reference=reference, sweep=Sweep(batch=(1, 8), dtype=("fp16", "fp32")))
def relu(case):
    return case.randn(case.batch, 1024)


_tripled = Kernel("tripled.cu", "tripled")


def tripled_fused(x):
    out = torch.empty_like(x)
    _tripled(out, x, grid=x.numel() // 128, block=128)
    return out


@suite(fused=tripled_fused, reference=lambda x: x * 3, sweep=Sweep(batch=8, dtype="fp32"))
def tripled(case):
    return case.randn(case.batch, 1024)


@suite(fused=lambda x: x, reference=torch.neg, sweep=Sweep(batch=2, dtype="fp32"))
def wrong(case):
    return case.randn(case.batch, 16)
"""


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "suites" / "area").mkdir(parents=True)
    (folder / "suites" / "area" / "test_some.py").write_text(SUITES)
    (folder / "suites" / "area" / "tripled.cu").write_text(TRIPLED)

    def command(*arguments, **environment):
        return fuseproof_in(folder, "profile", *arguments, "--device", "vgpu:T4", **environment)

    command.folder = folder
    return command


@pytest.fixture(scope="module")
def shown(profile):
    done = profile("relu", "-k", "fp16-b8", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_both_functions_are_replayed_as_graphs_where_that_is_wanted(profile):
    done = profile("relu", "-k", "fp16-b8", "--format", "json", "--graph")
    rows = {row["label"].partition(" ")[2]: row for row in json.loads(done.stdout)["ranges"] if "b8" in row["label"]}
    assert {name: (row["launches"], row["submissions"]) for name, row in rows.items()} == {
        "reference": (2, 2),
        "reference graph": (2, 1),
        "fused": (2, 2),
        "fused graph": (2, 1),
    }


def test_reference_and_fused_stand_side_by_side(shown):
    (comparison,) = shown["comparisons"]
    assert (comparison["reference"]["launches"], comparison["fused"]["launches"]) == (2, 2)


def test_ranges_of_the_nvtx_package_have_their_own_launches(shown):
    launches = {row["label"]: row["launches"] for row in shown["ranges"]}
    assert (launches["model:naive part"], launches["model:doubled"]) == (1, 2)


def test_ranges_that_launched_nothing_are_left_out(shown):
    assert not {"model:whole", "nothing launched"} & {row["label"] for row in shown["ranges"]}


def test_kernels_are_listed_for_each_of_the_two(shown):
    assert list(shown["kernels"]) == ["fp16-b8 reference", "fp16-b8 fused"]
    assert all(sum(row["count"] for row in table) == 2 for table in shown["kernels"].values())


def test_the_source_is_the_case_and_its_times_are_modelled(shown):
    assert (shown["source"]["kind"], shown["source"]["times"]) == ("vgpu", "modelled")
    assert shown["source"]["details"].items() >= {"case": "relu[fp16-b8]", "dtype": "fp16", "device": "vgpu:T4"}.items()


def test_nothing_is_wrong_with_the_timeline(shown):
    assert shown["findings"] == []


@pytest.fixture(scope="module")
def printed(profile):
    """The command for several cases, with a trace for Perfetto."""
    done = profile("relu", "--perfetto", "out.json")
    assert done.returncode == 0, done.stderr
    return done


def test_of_several_cases_the_first_is_taken_and_the_tables_say_which(printed):
    assert "4 cases match, this is the first" in printed.stderr
    assert "relu[fp16-b1], fp16 (vgpu), times modelled; device 0: Tesla T4 (virtual)" in printed.stdout
    assert "model:naive part" in printed.stdout


def test_a_trace_for_perfetto_is_written_when_asked_for(profile, printed):
    assert "Written: out.json" in printed.stderr
    names = [event.get("name", "") for event in json.loads((profile.folder / "out.json").read_text())["traceEvents"]]
    assert any("doubled" in name for name in names)
    assert any("fp16-b1 fused" in name for name in names)


def test_a_case_that_fails_is_explained_and_has_no_times(profile):
    done = profile("wrong")
    assert done.returncode == 1
    assert "wrong[fp32-b2] failed" in done.stdout
    assert "µs" not in done.stdout


def test_under_another_tool_ranges_are_said_to_be_missing(profile):
    done = profile("relu", "-k", "fp32-b1", NVTX_INJECTION64_PATH="/opt/nsys/libToolsInjection64.so")
    assert done.returncode == 0, done.stderr
    assert "NVTX ranges are not recorded: NVTX_INJECTION64_PATH gives them to /opt/nsys" in done.stdout
    assert "fp32-b1 reference" in done.stdout


def test_counters_of_the_fused_kernels_are_shown_with_the_lines_that_cost_most(profile):
    done = profile("tripled", "--sample-blocks", "16")
    assert done.returncode == 0, done.stderr
    assert "Efficiency of the fused kernels on Tesla T4, counted" in done.stdout
    assert "traffic ÷ compulsory traffic: DRAM 1, L2 1" in done.stdout
    assert done.stdout.count("tripled: sampled 16 of 64 blocks, figures are scaled up") == 3
    assert "out[i] = 3.0f * in[i];" in done.stdout


def test_a_function_of_torch_operators_alone_has_no_counters(shown):
    assert shown["counters"]["kernels"] == []
