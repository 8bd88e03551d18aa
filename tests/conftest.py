"""What tests of several folders share."""

from __future__ import annotations

import pytest
import torch

from harness.device import Device, opened


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-variants",
        action="store_true",
        help="tests/vgpu/programs: compile each CUDA program in each of its variants (architectures, -O0, -G), not in one",
    )


def pytest_report_header(config: pytest.Config) -> str:
    which = (
        "in all variants" if config.getoption("all_variants") else "in one variant each; --all-variants runs the rest"
    )
    return f"CUDA programs of tests/vgpu/programs: {which}"


class _NoContext:
    def synchronize(self) -> None:
        pass


@pytest.fixture
def plain_device(monkeypatch):
    """A device without a driver behind it, for suites of pure torch functions; it stands in as this process's own."""
    device = Device(
        "vgpu", "vgpu:T4", "Tesla T4 (virtual)", "modelled", torch.device("cpu"), (7, 5), None, _NoContext()
    )
    monkeypatch.setattr(opened, "_opened", device)
    return device
