"""Other profilers: what gives them away, and what is said about them."""

import pytest
import torch

from harness.timing.other_profilers import finding, found, other_profilers, torch_profiler_active


@pytest.mark.parametrize(
    ("environment", "maps", "expected"),
    [
        ({}, "", []),
        ({"NSYS_PROFILING_SESSION_ID": "7"}, "", ["Nsight Systems"]),
        ({"NSYS_PROFILING_SESSION_ID": "7"}, "7f00 r-xp /opt/nsys/libToolsInjection64.so", ["Nsight Systems"]),
        ({"CUDA_INJECTION64_PATH": "/opt/tool.so"}, "", ["the tool of CUDA_INJECTION64_PATH"]),
        ({"NVTX_INJECTION64_PATH": "/opt/tool.so"}, "", ["the tool of NVTX_INJECTION64_PATH"]),
        ({"NVTX_INJECTION64_PATH": "/cache/libfuseproof_nvtx.so"}, "", []),
        ({}, "7f00 r-xp /opt/ncu/libInterceptorInjectionTarget.so", ["Nsight Compute"]),
    ],
)
def test_tools_show_in_the_environment_and_among_the_libraries(environment, maps, expected):
    assert found(environment, maps, torch_active=False) == expected


def test_this_process_is_not_watched():
    assert other_profilers() == []


def test_an_active_torch_profiler_is_seen():
    assert not torch_profiler_active()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]):
        assert torch_profiler_active()
        assert other_profilers() == ["a torch.profiler"]


def test_a_timeline_beside_another_profiler_says_so():
    (said,) = finding(["Nsight Systems"])
    assert said.sentence.startswith("Nsight Systems watched this process too")
    assert finding([]) == ()
