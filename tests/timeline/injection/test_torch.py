"""Ranges of torch.cuda.nvtx, where this build of torch has them."""

import pytest
import torch


def test_torchs_ranges_are_recorded(program):
    if not hasattr(torch._C, "_nvtx"):
        pytest.skip(f"torch {torch.__version__} is built without NVTX: torch.cuda.nvtx raises in it")
    shown = program("""
enable()
import torch
with record() as recording, torch.cuda.nvtx.range("outer"):
    torch.cuda.nvtx.range_push("inner")
    torch.cuda.nvtx.range_pop()
    torch.cuda.nvtx.mark("mark")
show(recording)
""")
    assert shown.ranges["name"].tolist() == ["outer", "inner", "mark"]
