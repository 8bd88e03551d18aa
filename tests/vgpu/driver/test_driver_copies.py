import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


def test_what_was_copied_to_the_device_comes_back(cuda):
    there, back = np.arange(1000, dtype=np.float32), np.empty(1000, np.float32)
    allocation = cuda.to_device(there)
    cuda.memcpy_dtoh(back, allocation)
    assert (back == there).all()


def test_a_copy_on_the_device_may_start_inside_an_allocation(cuda):
    allocation, back = cuda.to_device(np.arange(8, dtype=np.int32)), np.empty(8, np.int32)
    cuda.memcpy_dtod(int(allocation) + 16, allocation, 16)
    cuda.memcpy_dtoh(back, allocation)
    assert back.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_a_copy_past_the_end_is_refused_and_moves_nothing(cuda):
    allocation, back = cuda.to_device(np.zeros(8, np.int32)), np.empty(8, np.int32)
    with pytest.raises(cuda.LogicError, match=r"32 bytes at .* are not device memory: it is byte 4 of cuMemAlloc"):
        cuda.memcpy_htod(int(allocation) + 4, np.ones(8, np.int32))
    cuda.memcpy_dtoh(back, allocation)
    assert not back.any()


def test_a_copy_to_nowhere_names_the_nearest_allocation(cuda):
    allocation = cuda.mem_alloc(64)
    with pytest.raises(cuda.LogicError, match="nothing is there; the nearest is cuMemAlloc"):
        cuda.memcpy_htod(int(allocation) + 64, np.ones(1, np.int32))


def test_a_copy_shows_on_the_clock_with_its_direction_and_size(cuda, vgpu):
    stream, array = cuda.Stream(), cuda.pagelocked_zeros(16, np.float32)
    allocation, before = cuda.mem_alloc(64), len(vgpu.clock.activities)
    cuda.memcpy_htod_async(allocation, array, stream)
    cuda.memcpy_dtod_async(allocation, allocation, 32, stream)
    cuda.memcpy_dtoh_async(array, allocation, stream)
    seen = [(activity.name, activity.bytes) for activity in vgpu.clock.activities[before:]]
    assert seen == [("Memcpy HtoD", 64), ("Memcpy DtoD", 32), ("Memcpy DtoH", 64)]


def test_a_synchronous_copy_to_the_host_waits_and_an_asynchronous_one_does_not(cuda, vgpu):
    array = cuda.pagelocked_zeros(1 << 20, np.float32)
    allocation, clock = cuda.mem_alloc(array.nbytes), vgpu.clock
    cuda.memcpy_dtoh_async(array, allocation, cuda.Stream())
    assert clock.host_ns < clock.activities[-1].end
    cuda.memcpy_dtoh(array, allocation)
    assert clock.host_ns >= clock.activities[-1].end


def test_a_window_of_a_matrix_is_copied(cuda):
    matrix, back = np.arange(48, dtype=np.int32).reshape(6, 8), np.zeros((2, 3), np.int32)
    allocation = cuda.to_device(matrix)
    copy = cuda.Memcpy2D()
    copy.set_src_device(allocation)
    copy.set_dst_host(back)
    copy.src_pitch, copy.src_x_in_bytes, copy.src_y = 32, 8, 3
    copy.dst_pitch = copy.width_in_bytes = 12
    copy.height = 2
    copy(aligned=True)
    assert (back == matrix[3:5, 2:5]).all()


def test_a_box_is_copied(cuda):
    box, back = np.arange(60, dtype=np.int32).reshape(3, 4, 5), np.zeros((2, 2, 2), np.int32)
    allocation = cuda.to_device(box)
    copy = cuda.Memcpy3D()
    copy.set_src_device(allocation)
    copy.set_dst_host(back)
    copy.src_pitch, copy.src_height = 20, 4
    copy.src_x_in_bytes, copy.src_y, copy.src_z = 4, 2, 1
    copy.dst_pitch = copy.width_in_bytes = 8
    copy.dst_height = copy.height = copy.depth = 2
    copy()
    assert (back == box[1:3, 2:4, 1:3]).all()


def test_a_window_that_leaves_its_allocation_is_refused(cuda):
    allocation, back = cuda.mem_alloc(64), np.zeros(16, np.int32)
    copy = cuda.Memcpy2D()
    copy.set_src_device(allocation)
    copy.set_dst_host(back)
    copy.src_pitch = copy.dst_pitch = copy.width_in_bytes = 16
    copy.height = 5
    with pytest.raises(cuda.LogicError, match=r"80 bytes at .* are not device memory"):
        copy(aligned=True)


def test_arrays_for_textures_are_not_supported(cuda):
    descriptor = cuda.ArrayDescriptor()
    with pytest.raises(cuda.Error, match="the vgpu does not support cuArrayCreate"):
        cuda.Array(descriptor)


@pytest.mark.parametrize(
    ("fill", "dtype"), [("memset_d8", np.uint8), ("memset_d16", np.uint16), ("memset_d32", np.uint32)]
)
@given(value=st.integers(0, 255), count=st.integers(1, 300))
def test_a_fill_sets_every_element_and_no_other(cuda_of_module, fill, dtype, value, count):
    cuda, pattern = cuda_of_module, int(value * 0x01020304 % (1 << 8 * np.dtype(dtype).itemsize))
    back = np.zeros(count + 2, dtype)
    allocation = cuda.to_device(back)
    getattr(cuda, fill)(int(allocation) + back.itemsize, pattern, count)
    cuda.memcpy_dtoh(back, allocation)
    assert back.tolist() == [0, *[pattern] * count, 0]


def test_a_pitched_fill_leaves_the_rest_of_its_rows(cuda):
    back = np.zeros((3, 8), np.uint32)
    allocation = cuda.to_device(back)
    cuda.memset_d2d32(allocation, 32, 7, 5, 3)
    cuda.memcpy_dtoh(back, allocation)
    assert (back[:, :5] == 7).all()
    assert (back[:, 5:] == 0).all()


def test_a_fill_at_an_odd_address_is_refused(cuda):
    with pytest.raises(cuda.LogicError, match="not aligned to 4 bytes"):
        cuda.memset_d32(int(cuda.mem_alloc(64)) + 2, 0, 4)


@pytest.mark.parametrize("pagelocked", [True, False])
def test_an_asynchronous_copy_holds_the_host_where_its_memory_is_pageable(cuda, vgpu, pagelocked):
    array = cuda.pagelocked_empty(1 << 20, np.uint8) if pagelocked else np.empty(1 << 20, np.uint8)
    allocation = cuda.mem_alloc(array.nbytes)
    for copy in (lambda: cuda.memcpy_htod_async(allocation, array), lambda: cuda.memcpy_dtoh_async(array, allocation)):
        copy()
        assert (vgpu.clock.host_ns < vgpu.clock.activities[-1].end) == pagelocked


def test_registered_memory_is_page_locked(cuda, vgpu):
    array, allocation = np.empty(1 << 20, np.uint8), cuda.mem_alloc(1 << 20)
    vgpu.register(array.ctypes.data, array.nbytes, "an array")
    cuda.memcpy_htod_async(allocation, array)
    vgpu.unregister(array.ctypes.data)
    assert vgpu.clock.host_ns < vgpu.clock.activities[-1].end


def test_a_short_copy_from_pageable_memory_is_staged_at_once(cuda, vgpu):
    cuda.to_device(np.zeros(16, np.float32))
    assert vgpu.clock.host_ns < vgpu.clock.activities[-1].end


@pytest.fixture(scope="module")
def cuda_of_module():
    """PyCUDA with one context for all examples of a property."""
    import harness.vgpu

    harness.vgpu.open("T4", "server")
    import pycuda.driver

    pycuda.driver.init()
    context = pycuda.driver.Device(0).make_context()
    yield pycuda.driver
    context.detach()
