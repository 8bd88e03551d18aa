import ctypes

import numpy as np
import pytest

from harness.vgpu.driver import entry, handles
from harness.vgpu.driver.functions import Function
from harness.vgpu.run.mode import FAST, Mode

# every block counts itself in, and waits until all have
COOPERATIVE = """
.version 8.0
.target sm_75
.address_size 64
.visible .entry meet(.param .u64 seen, .param .u64 arrived)
{
    .reg .pred %p;
    .reg .b32 %count, %all, %block;
    .reg .b64 %a, %s;
    ld.param.u64 %a, [arrived];
    mov.u32 %all, %nctaid.x;
    red.global.add.u32 [%a], 1;
wait:
    ld.volatile.global.u32 %count, [%a];
    setp.lt.u32 %p, %count, %all;
    @%p bra wait;
    ld.param.u64 %a, [seen];
    mov.u32 %block, %ctaid.x;
    mul.wide.u32 %s, %block, 4;
    add.s64 %a, %a, %s;
    st.global.u32 [%a], %count;
    ret;
}
"""


def handle_of(kernel: str) -> int:
    """The handle of the function that was given out last under a kernel's name."""
    things = handles.table._things.items()
    return [handle for handle, thing in things if isinstance(thing, Function) and thing.kernel.name == kernel][-1]


@pytest.fixture
def data(cuda):
    return cuda.to_device(np.arange(1000, dtype=np.float32))


def values(cuda, data, count=1000):
    back = np.empty(count, np.float32)
    cuda.memcpy_dtoh(back, data)
    return back


def test_a_kernel_runs(cuda, scale, data):
    scale(data, np.float32(2), np.uint32(1000), grid=(8, 1), block=(128, 1, 1))
    assert (values(cuda, data) == np.arange(1000) * 2 + 1).all()


def test_a_kernel_runs_through_the_interface_before_cuda_4(cuda, scale, data):
    # through the driver's own functions: PyCUDA keeps its methods for drivers that are as old
    pointer, function = ctypes.c_uint64(int(data)), handle_of("scale")
    calls = [
        ("cuFuncSetBlockShape", 128, 1, 1),
        ("cuParamSetv", 0, ctypes.addressof(pointer), 8),
        ("cuParamSetf", 8, 2.0),
        ("cuParamSeti", 12, 1000),
        ("cuParamSetSize", 16),
        ("cuLaunchGrid", 8, 1),
    ]
    assert [entry.table[name](function, *arguments) for name, *arguments in calls] == [0] * len(calls)
    assert (values(cuda, data) == np.arange(1000) * 2 + 1).all()


def test_a_kernel_runs_with_one_pointer_a_parameter(cuda, scale, data):
    arguments = [ctypes.c_uint64(int(data)), ctypes.c_float(2), ctypes.c_uint32(1000)]
    pointers = [ctypes.addressof(argument) for argument in arguments]
    launch = entry.table["cuLaunchKernel"]
    assert launch(handle_of("scale"), 8, 1, 1, 128, 1, 1, 0, 0, pointers, None) == 0
    assert (values(cuda, data) == np.arange(1000) * 2 + 1).all()


def test_blocks_of_a_cooperative_launch_wait_for_each_other(cuda, vgpu):
    meet = cuda.module_from_buffer(COOPERATIVE.encode()).get_function("meet")
    seen, arrived = cuda.to_device(np.zeros(20, np.uint32)), cuda.to_device(np.zeros(1, np.uint32))
    arguments = [ctypes.c_uint64(int(seen)), ctypes.c_uint64(int(arrived))]
    pointers = [ctypes.addressof(argument) for argument in arguments]
    launch = entry.table["cuLaunchCooperativeKernel"]
    assert launch(handle_of("meet"), 20, 1, 1, 1, 1, 1, 0, 0, pointers) == 0
    assert meet.num_regs > 0
    assert cuda.from_device(seen, 20, np.uint32).tolist() == [20] * 20


def test_a_cooperative_launch_has_to_fit_on_the_gpu(cuda, vgpu):
    meet = cuda.module_from_buffer(COOPERATIVE.encode()).get_function("meet")
    arguments = [ctypes.c_uint64(), ctypes.c_uint64()]
    pointers = [ctypes.addressof(argument) for argument in arguments]
    launch = entry.table["cuLaunchCooperativeKernel"]
    assert launch(handle_of("meet"), 5000, 1, 1, 1024, 1, 1, 0, 0, pointers) == 720
    assert meet.num_regs > 0
    assert "a cooperative grid of 5000 blocks" in vgpu.last_report()


def test_a_launch_shows_on_the_clock(cuda, vgpu, scale, data):
    scale(data, np.float32(2), np.uint32(1000), grid=(8, 1), block=(128, 1, 1))
    activity = vgpu.clock.activities[-1]
    assert (activity.kind, activity.name) == ("kernel", "scale")
    assert (activity.grid, activity.block) == ((8, 1, 1), (128, 1, 1))
    assert activity.registers == scale.num_regs
    assert activity.counters.blocks == 8
    assert activity.counters.dram_bytes > 0
    assert activity.duration > 0


def test_dynamic_shared_memory_counts_as_the_blocks(cuda, vgpu, scale, data):
    scale(data, np.float32(2), np.uint32(1000), grid=(8, 1), block=(128, 1, 1), shared=1024)
    assert vgpu.clock.activities[-1].shared_bytes == 1024


def test_a_launch_runs_in_the_mode_that_is_set(cuda, vgpu, scale, data):
    with vgpu.using(Mode(counted=False)):
        scale(data, np.float32(2), np.uint32(1000), grid=(8, 1), block=(128, 1, 1))
    assert not vgpu.clock.activities[-1].counters.instructions
    assert vgpu.mode == Mode()


def test_the_mode_is_back_after_an_error(vgpu):
    with pytest.raises(ZeroDivisionError), vgpu.using(FAST):
        raise ZeroDivisionError
    assert vgpu.mode == Mode()


def test_an_access_out_of_bounds_fails_the_launch_with_the_whole_report(cuda, vgpu, scale, data):
    with pytest.raises(cuda.Error, match=r"an illegal memory access was encountered - .*scale") as failure:
        scale(data, np.float32(2), np.uint32(2000), grid=(16, 1), block=(128, 1, 1))
    report = vgpu.last_report()
    assert report.startswith("cuLaunchKernel: ")
    assert report.removeprefix("cuLaunchKernel: ") in str(failure.value)
    assert "(4000 bytes)" in report


def test_after_a_fault_the_context_goes_on(cuda, scale, data):
    with pytest.raises(cuda.Error):
        scale(data, np.float32(2), np.uint32(2000), grid=(16, 1), block=(128, 1, 1))
    fresh = cuda.to_device(np.zeros(1000, np.float32))
    scale(fresh, np.float32(2), np.uint32(1000), grid=(8, 1), block=(128, 1, 1))
    assert (values(cuda, fresh) == 1).all()


def test_registered_host_memory_is_used_in_place(cuda, vgpu, scale, request):
    array = np.ones(1000, np.float32)
    vgpu.register(array.ctypes.data, array.nbytes, "an array")
    request.addfinalizer(lambda: vgpu.unregister(array.ctypes.data))
    scale(np.uint64(array.ctypes.data), np.float32(2), np.uint32(1000), grid=(8, 1), block=(128, 1, 1))
    assert (array == 3).all()


@pytest.mark.parametrize(
    ("grid", "block", "complaint"),
    [
        ((1, 1), (1025, 1, 1), "a block of (1025, 1, 1)"),
        ((1, 1), (64, 32, 1), "a block of 2048 threads; at most 1024"),
        ((1, 1), (1, 1, 65), "a block of (1, 1, 65)"),
        ((0, 1), (1, 1, 1), "a grid of (0, 1, 1)"),
        ((1, 65536), (1, 1, 1), "a grid of (1, 65536, 1)"),
    ],
)
def test_a_shape_that_no_gpu_takes_is_an_invalid_argument(cuda, scale, data, grid, block, complaint):
    with pytest.raises(cuda.LogicError, match="invalid argument") as failure:
        scale(data, np.float32(2), np.uint32(0), grid=grid, block=block)
    assert complaint in str(failure.value)


def test_more_shared_memory_than_allowed_is_an_invalid_argument(cuda, scale, data):
    with pytest.raises(cuda.LogicError, match="49153 bytes of dynamic shared memory, 49152 are allowed"):
        scale(data, np.float32(2), np.uint32(0), block=(32, 1, 1), shared=49153)


def test_more_threads_than_the_launch_bounds_are_too_many_resources(cuda, scale):
    with pytest.raises(cuda.LaunchError, match="__launch_bounds__ allow 64"):
        scale.module.get_function("bounded")(block=(65, 1, 1))


def test_too_few_parameters_are_an_invalid_argument(cuda, scale, data):
    with pytest.raises(cuda.LogicError, match="scale takes 16 bytes of parameters, the launch passes 8"):
        scale(data, block=(32, 1, 1))


def test_a_function_that_is_none_is_an_invalid_handle(cuda, vgpu):
    assert entry.table["cuLaunchKernel"](1234, 1, 1, 1, 1, 1, 1, 0, 0, None, None) == 400
    assert "1234 is not a function" in vgpu.last_report().replace("0x4d2", "1234")


def test_occupancy_is_the_gpus(cuda, scale):
    blocks = [0]
    entry.table["cuOccupancyMaxActiveBlocksPerMultiprocessor"](blocks, handle_of("scale"), 128, 0)
    assert blocks == [8]  # 1024 threads an SM
    entry.table["cuOccupancyMaxActiveBlocksPerMultiprocessor"](blocks, handle_of("scale"), 128, 20000)
    assert blocks == [3]  # 64 KiB of shared memory an SM


def test_the_best_block_fills_the_gpu(cuda, scale):
    grid, block = [0], [0]
    entry.table["cuOccupancyMaxPotentialBlockSize"](grid, block, handle_of("scale"), 0, 0, 0)
    assert (grid, block) == ([40], [1024])


def test_a_kernel_prepared_for_many_launches_is_timed_by_the_clock(cuda, vgpu, scale, data):
    scale.prepare("PfI")
    seconds = scale.prepared_timed_call((8, 1), (128, 1, 1), data, 2.0, 1000)
    assert seconds() * 1e9 >= vgpu.clock.activities[-1].duration
