"""The device that a test needs."""

from __future__ import annotations

import pytest

from harness.device import Device, current


def vgpu_or_skip(why: str) -> Device:
    """The open device, if it is the vgpu; else the test is skipped, and says why."""
    opened = current()
    if opened.vgpu is None:
        pytest.skip(why)
    return opened
