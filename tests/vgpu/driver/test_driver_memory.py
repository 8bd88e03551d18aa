import ctypes

import numpy as np
import pytest

from harness.vgpu.driver import entry, memory
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.run.allocations import table


def test_device_memory_is_aligned_to_256_bytes(cuda):
    addresses = [int(allocation) for allocation in [cuda.mem_alloc(size) for size in (1, 3, 1000)]]
    assert [address % 256 for address in addresses] == [0, 0, 0]


def test_an_allocation_is_known_with_its_exact_bounds_until_it_is_freed(cuda):
    allocation = cuda.mem_alloc(100)
    address = int(allocation)
    assert cuda.mem_get_address_range(address + 99) == (address, 100)
    assert table.find(address + 100) is None
    allocation.free()
    assert table.find(address) is None


def test_free_memory_shrinks_by_what_is_allocated(cuda):
    before, total = cuda.mem_get_info()
    allocation = cuda.mem_alloc(1 << 20)
    assert cuda.mem_get_info() == (before - (1 << 20), total)
    allocation.free()
    assert cuda.mem_get_info() == (before, total)


def test_total_memory_is_the_gpus(cuda, vgpu):
    assert cuda.Device(0).total_memory() == vgpu.gpu.dram_bytes


def test_more_than_the_gpu_has_is_out_of_memory(cuda, vgpu):
    with pytest.raises(cuda.MemoryError, match="of Tesla T4's 17179869184 are free"):
        cuda.mem_alloc(vgpu.gpu.dram_bytes + 1)


def test_no_bytes_cannot_be_allocated(cuda):
    with pytest.raises(cuda.LogicError, match="the size must be positive"):
        cuda.mem_alloc(0)


def test_memory_cannot_be_freed_twice(cuda):
    block = memory.heap.allocate(64)
    memory.heap.free(block.address, (memory.DEVICE,))
    with pytest.raises(DriverError, match="cannot be freed"):
        memory.heap.free(block.address, (memory.DEVICE,))


def test_a_pointer_into_an_allocation_cannot_be_freed(cuda):
    block = memory.heap.allocate(64)
    with pytest.raises(DriverError, match="it is byte 8 of cuMemAlloc"):
        memory.heap.free(block.address + 8, (memory.DEVICE,))
    memory.heap.free(block.address, (memory.DEVICE,))


@pytest.mark.parametrize(("offset", "side"), [(-1, "before"), (64, "behind")])
def test_a_write_beside_an_allocation_is_found_when_it_is_freed(cuda, offset, side):
    block = memory.heap.allocate(64)
    ctypes.memset(block.address + offset, 0, 1)
    with pytest.raises(DriverError, match=f"something wrote {side} it"):
        memory.heap.free(block.address, (memory.DEVICE,))


def test_poison_fills_new_memory(cuda, monkeypatch):
    monkeypatch.setattr(memory.heap, "poison", 0xFF)
    values = np.zeros(4, np.float32)
    cuda.memcpy_dtoh(values, cuda.mem_alloc(values.nbytes))
    assert np.isnan(values).all()


def test_memory_of_a_context_is_freed_with_it(vgpu, cuda):
    context = cuda.Device(0).make_context()
    allocation = cuda.mem_alloc(4096)
    address = int(allocation)
    context.detach()
    assert table.find(address) is None


def test_rows_of_pitched_memory_are_aligned(cuda):
    allocation, pitch = cuda.mem_alloc_pitch(100, 7, 4)
    assert pitch == 512
    assert cuda.mem_get_address_range(allocation) == (int(allocation), 7 * 512)


def test_page_locked_memory_is_device_accessible(cuda):
    array = cuda.pagelocked_empty(100, np.float32)
    assert array.base.get_device_pointer() == array.ctypes.data
    assert table.find(array.ctypes.data).size == 400


def test_managed_memory_is_the_same_on_both_sides(cuda):
    array = cuda.managed_empty(10, np.float32, mem_flags=cuda.mem_attach_flags.GLOBAL)
    array[:] = 3
    cuda.memset_d32(array.base.get_device_pointer(), 0, 5)
    assert array.tolist() == [0] * 5 + [3] * 5


class TestRegistrationByAProgram:
    # through the driver's own functions: PyCUDA 2026.1's register_host_memory crashes with NumPy 2
    def test_memory_is_device_accessible_until_it_is_unregistered(self, cuda):
        array = np.zeros(1000, np.float32)
        assert entry.table["cuMemHostRegister_v2"](array.ctypes.data, array.nbytes, 0) == 0
        assert table.find(array.ctypes.data).size == array.nbytes
        assert entry.table["cuMemHostUnregister"](array.ctypes.data) == 0
        assert table.find(array.ctypes.data) is None

    def test_memory_cannot_be_registered_twice(self, cuda):
        array = np.zeros(1000, np.float32)
        register = entry.table["cuMemHostRegister_v2"]
        assert register(array.ctypes.data, array.nbytes, 0) == 0
        assert register(array.ctypes.data, array.nbytes, 0) == Result.HOST_MEMORY_ALREADY_REGISTERED
        entry.table["cuMemHostUnregister"](array.ctypes.data)

    def test_a_pointer_into_registered_memory_cannot_be_unregistered(self, cuda):
        array = np.zeros(1000, np.float32)
        entry.table["cuMemHostRegister_v2"](array.ctypes.data, array.nbytes, 0)
        assert entry.table["cuMemHostUnregister"](array.ctypes.data + 4) == Result.HOST_MEMORY_NOT_REGISTERED
        entry.table["cuMemHostUnregister"](array.ctypes.data)


class TestRegistrationByTheHarness:
    def test_it_has_exact_bounds_and_a_name(self, vgpu):
        array = np.zeros(33, np.uint8)
        vgpu.register(array.ctypes.data, array.nbytes, "torch tensor x")
        assert table.find(array.ctypes.data + 32).label == "torch tensor x"
        assert table.find(array.ctypes.data + 33) is None
        vgpu.unregister(array.ctypes.data)

    def test_it_counts_its_users(self, vgpu):
        array = np.zeros(64, np.uint8)
        vgpu.register(array.ctypes.data, 64, "x")
        vgpu.register(array.ctypes.data, 64, "x again")
        vgpu.unregister(array.ctypes.data)
        assert table.find(array.ctypes.data)
        vgpu.unregister(array.ctypes.data)
        assert table.find(array.ctypes.data) is None

    def test_a_view_shares_the_registration_of_its_storage(self, vgpu):
        array = np.zeros(64, np.uint8)
        vgpu.register(array.ctypes.data, 64, "storage")
        vgpu.register(array.ctypes.data + 16, 8, "view")
        vgpu.unregister(array.ctypes.data + 16)
        vgpu.unregister(array.ctypes.data)
        assert table.find(array.ctypes.data) is None

    def test_it_refuses_an_overlap(self, vgpu):
        array = np.zeros(64, np.uint8)
        vgpu.register(array.ctypes.data + 16, 16, "inner")
        with pytest.raises(DriverError, match="overlaps inner"):
            vgpu.register(array.ctypes.data, 64, "outer")
        vgpu.unregister(array.ctypes.data + 16)

    def test_no_bytes_are_not_registered(self, vgpu):
        before = table.snapshot()
        vgpu.register(0, 0, "an empty tensor")
        assert table.snapshot() == before

    def test_what_is_not_registered_cannot_be_unregistered(self, vgpu):
        with pytest.raises(DriverError, match="is not registered"):
            vgpu.unregister(12345)
