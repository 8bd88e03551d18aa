"""A project with one suite of pure torch functions, on a device without a driver, for real pytest sessions."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch

import harness.run
from harness.equality.guards import PoisonedEmpties
from harness.results.record import KernelShare, Profile, Variant

INSTALLED = any(entry.value == "harness.plugin" for entry in entry_points(group="pytest11"))
SOURCE = Path(__file__).parents[2]

SUITES = """
import torch

from harness.suite import suite
from harness.sweep import Sweep


def fused(x, bias):
    out = torch.empty_like(x)
    out.copy_(torch.relu(x.float() + bias.float()))
    return out


def reference(x, bias):
    return torch.relu(x + bias)


@suite(fused=fused, reference=reference, launches=1, sweep=Sweep(batch=(1, 8), seq=(4, 16), dtype=("fp16", "fp32")))
def bias_relu(case):
    return case.randn(case.tokens, 8), case.randn(8)


@suite(fused=lambda x: x, reference=torch.neg, sweep=Sweep(batch=(1, 2), dtype="fp32"))
def wrong(case):
    return case.randn(case.batch, 5)
"""

# For sessions in processes of their own, which the fixtures cannot reach.
STAND_INS = f"""
import sys

sys.path.insert(0, {str(SOURCE)!r})

import torch

import harness.run
from harness.device import Device, opened
from harness.results.record import Profile, Variant


class NoContext:
    def synchronize(self):
        pass


def profiles(function, inputs, case, side, device, ways):
    profile = Profile(case, "modelled", 1 + (side == "reference"), 1, 0, 0, 1.0, 8.0, 4.0, 2.0, 0, 0.0, None, ())
    return tuple(Variant(side, way, profile) for way in ("eager", *ways))


opened._opened = Device("vgpu", "vgpu:T4", "Fake", "modelled", torch.device("cpu"), (7, 5), None, NoContext())
harness.run._profiles = profiles
"""


def made_up_profiles(function, inputs, case, side, device, ways):
    """Twice the launches and times for the reference; under a graph one submission, and half the time."""
    factor = 2 if side == "reference" else 1
    kernels = (KernelShare("k", factor, 4.0 * factor),)
    wall, busy = 8.0 * factor, 4.0 * factor
    eager = Profile(case, "modelled", factor, factor, 0, 0, 3.0, wall, busy, 1.0, 0, 0.0, None, kernels)
    graph = Profile(case, "modelled", factor, 1, 0, 0, 3.0, wall / 2, busy, 1.0, 0, 0.0, None, kernels)
    return tuple(Variant(side, way, eager if way == "eager" else graph) for way in ("eager", *ways))


# A session in this process drops what it imported. Torch cannot be imported twice: let it load all it wants now.
with PoisonedEmpties():
    torch.empty(1)


@pytest.fixture
def project(pytester, plain_device, monkeypatch):
    """A folder with the suites above; `project.run(*options)` is a pytest session in it."""
    monkeypatch.setattr(harness.run, "_profiles", made_up_profiles)
    pytester.makepyfile(test_suites=SUITES)
    monkeypatch.setattr(sys, "path", [str(SOURCE), *sys.path])
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):  # the session under test is nobody's worker
        monkeypatch.delenv(name, raising=False)
    plugin = () if INSTALLED else ("-p", "harness.plugin")

    def run(*options, processes=False):
        arguments = (*plugin, "--import-mode=importlib", "-p", "no:cacheprovider", *options)
        if processes:
            pytester.makeconftest(STAND_INS)
            monkeypatch.setenv("PYTHONPATH", str(SOURCE), prepend=os.pathsep)
            return pytester.runpytest_subprocess(*arguments)
        return pytester.runpytest_inprocess(*arguments)

    pytester.run_session = run
    return pytester
