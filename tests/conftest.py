"""What tests of several folders share."""

from __future__ import annotations

import pytest
import torch

from harness.device import Device, opened


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
