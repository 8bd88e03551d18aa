"""Opening the device of this process."""

import pytest

from harness.device import current, open_device
from harness.device.environment import environment
from harness.errors import FuseproofError


def test_the_open_device_is_the_current_one_and_no_other_can_follow(plain_device):
    assert current() is plain_device
    assert open_device() is plain_device
    assert open_device("vgpu:T4") is plain_device
    with pytest.raises(FuseproofError, match="runs on vgpu:T4: start another one for vgpu:A100"):
        open_device("vgpu:A100")


def test_the_environment_names_versions_and_hardware_but_neither_time_nor_host(plain_device):
    captured = environment(plain_device)
    assert captured == environment(plain_device)
    assert {"torch", "pycuda", "nvcc", "cpu", "python", "fuseproof"} <= captured.keys()
    assert captured["tf32"] == "off"
    assert all(isinstance(value, str) and value for value in captured.values())
    assert not {"host", "hostname", "date", "time"} & captured.keys()
