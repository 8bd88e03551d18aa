import pytest

import harness.vgpu
from harness.vgpu import gpus


@pytest.mark.parametrize("name", gpus.names())
def test_the_device_is_the_gpu_of_the_data_file(cuda, name):
    harness.vgpu.open(name)
    gpu, device = gpus.load(name), cuda.Device(0)
    assert device.name() == gpu.full_name
    assert device.compute_capability() == gpu.compute_capability
    assert device.total_memory() == gpu.dram_bytes
    assert device.multiprocessor_count == gpu.sms
    assert device.max_shared_memory_per_block == gpu.shared_per_block
    assert device.max_registers_per_multiprocessor == gpu.registers_per_sm
    assert device.clock_rate * 1000 == gpu.clock_hz
    assert device.warp_size == 32


def test_there_is_one_device(cuda):
    assert cuda.Device.count() == 1
    with pytest.raises(cuda.LogicError, match="there is no device 1"):
        cuda.Device(1)


def test_every_attribute_that_pycuda_knows_has_an_answer(cuda, recwarn):
    assert len(cuda.Device(0).get_attributes()) > 80
    assert not recwarn.list


def test_the_device_is_found_by_its_pci_bus_id(cuda):
    assert cuda.Device(cuda.Device(0).pci_bus_id()) == cuda.Device(0)
    with pytest.raises(cuda.Error, match=r"there is no device at 0000:99:00\.0"):
        cuda.Device("0000:99:00.0")


def test_the_driver_has_the_version_of_the_toolkit(cuda):
    assert cuda.get_driver_version() == 13000
