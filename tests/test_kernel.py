"""Kernels as callables: checks of a call, compilation on demand, launches, faults. On the device of this process."""

import pytest
import torch

from harness import kernel
from harness.device import current
from harness.kernel import Kernel, KernelError
from harness.vgpu.run.mode import Mode

SOURCE = """#include <cuda_fp16.h>

template <typename T, int N> __global__ void scale(T* out, const T* x, int n, float by) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = T(float(x[i]) * by * N);
}

__global__ void fill(float* out, long long n, double value) {
    for (long long i = threadIdx.x; i < n; i += blockDim.x) out[i] = float(value);
}

template <typename T> __global__ void widen(float* out, const T* x, int stride) {
    out[threadIdx.x] = float(x[threadIdx.x * stride]);
}

extern __shared__ float shared[];
__global__ void reverse(float* x) {
    shared[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

__global__ void beyond(float* x, int n) { x[n + threadIdx.x] = 1; }
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "some.cu"
    path.write_text(SOURCE)
    return str(path)


@pytest.fixture
def tensor():
    def make(*values, dtype=torch.float32):
        return torch.tensor(values, dtype=dtype, device=current().torch)

    return make


@pytest.fixture
def compiled(monkeypatch):
    """The expressions of every unit that was compiled."""
    seen = []
    real = kernel.compile_unit

    def compile_unit(source, expressions, capability):
        seen.append(list(expressions))
        return real(source, expressions, capability)

    monkeypatch.setattr(kernel, "compile_unit", compile_unit)
    return seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_scalar_type_follows_the_first_floating_tensor(source, tensor, dtype):
    scale = Kernel(source, "scale<{scalar}, {factor}>")
    x, out = tensor(1, 2, 3, dtype=dtype), tensor(0, 0, 0, dtype=dtype)
    scale(out, x, 3, 0.5, grid=1, block=32, factor=4)
    assert out.tolist() == [2, 4, 6]


def test_a_path_is_relative_to_the_file_that_makes_the_kernel():
    assert Kernel("some.cu", "fill").source.parent.name == "tests"


def test_stated_values_are_compiled_together_and_no_other_is_taken(source, tensor, compiled):
    scale = Kernel(source, "scale<{scalar}, {factor}>", factor=(2, 3))
    x, out = tensor(1.0), tensor(0.0)
    for factor in (3, 2, 3):
        scale(out, x, 1, 1.0, grid=1, block=1, factor=factor)
        assert out.tolist() == [factor]
    assert sum("scale<float, 2>" in unit and "scale<float, 3>" in unit for unit in compiled) == 1
    with pytest.raises(KernelError, match=r"factor=5 is not among the values stated, \(2, 3\)"):
        scale(out, x, 1, 1.0, grid=1, block=1, factor=5)


def test_a_kernel_without_template_takes_long_and_double(source, tensor):
    out = tensor(0, 0, 0)
    Kernel(source, "fill")(out, 3, 0.25, grid=(1, 1), block=(32, 1, 1))
    assert out.tolist() == [0.25] * 3


def test_dynamic_shared_memory_is_asked_for_in_bytes(source, tensor):
    x = tensor(*range(8))
    Kernel(source, "reverse")(x, grid=1, block=8, shared=32)
    assert x.tolist() == list(range(7, -1, -1))


@pytest.mark.parametrize(("chooses", "written"), [(False, 2), (True, 5)])
def test_of_kernels_that_choose_all_blocks_run_where_of_others_a_sample_does(source, tensor, chooses, written):
    vgpu = current().vgpu
    if vgpu is None:
        pytest.skip("a GPU runs all blocks")
    out, x = tensor(*[0.0] * 5), tensor(*[1.0] * 5)
    with vgpu.using(Mode(counted=True, sample=2, alone=True)):
        Kernel(source, "scale<{scalar}, 1>", chooses=chooses)(out, x, 5, 1.0, grid=5, block=1)
    assert out.sum() == written


def test_an_empty_grid_launches_nothing(source, tensor):
    out = tensor(0.0)
    Kernel(source, "fill")(out, 1, 1.0, grid=0, block=32)
    assert out.tolist() == [0.0]


def test_tensors_of_several_dtypes_need_mixed(source, tensor):
    out, x = tensor(0, 0), tensor(1, 2, dtype=torch.float16)
    with pytest.raises(
        KernelError, match=r"argument 2, float16\[2\], but argument 1 is float32: Kernel\(..., mixed=True"
    ):
        Kernel(source, "scale<{scalar}, 1>")(out, x, 2, 1.0, grid=1, block=2)
    Kernel(source, "widen<__half>", mixed=True)(out, x, 1, grid=1, block=2)
    assert out.tolist() == [1, 2]


def test_tensors_that_are_not_contiguous_need_strided(source, tensor):
    out, x = tensor(0, 0), tensor(1, 2, 3, 4)[::2]
    with pytest.raises(KernelError, match=r"argument 2, float32\[2\] has strides \(2,\): make it contiguous"):
        Kernel(source, "widen<{scalar}>")(out, x, 2, grid=1, block=2)
    Kernel(source, "widen<{scalar}>", strided=True)(out, x, 2, grid=1, block=2)
    assert out.tolist() == [1, 3]


def test_a_tensor_elsewhere_is_refused(source):
    with pytest.raises(KernelError, match=r"kernel fill of some.cu: argument 1, float32\[1\] is on meta"):
        Kernel(source, "fill")(torch.empty(1, device="meta"), 1, 1.0, grid=1, block=1)


def test_template_arguments_must_be_those_of_the_expression(source, tensor):
    with pytest.raises(KernelError, match="template arguments are factor, not none"):
        Kernel(source, "scale<{scalar}, {factor}>")(tensor(0.0), tensor(0.0), 1, 1.0, grid=1, block=1)
    with pytest.raises(KernelError, match="no placeholder size in"):
        Kernel(source, "fill", size=(1, 2))


def test_a_scalar_type_needs_a_floating_tensor(source, tensor):
    with pytest.raises(KernelError, match=r"\{scalar\} needs a floating tensor"):
        Kernel(source, "scale<{scalar}, 1>")(tensor(1, dtype=torch.int32), None, 1, 1.0, grid=1, block=1)


@pytest.mark.parametrize(("grid", "block"), [((1, 1, 1, 1), 1), (1, -1), ((), 1)])
def test_sizes_of_grid_and_block_are_checked(source, tensor, grid, block):
    with pytest.raises(KernelError, match="one to three sizes, none negative"):
        Kernel(source, "fill")(tensor(0.0), 1, 1.0, grid=grid, block=block)


@pytest.mark.skipif("current().vgpu is None")
def test_a_fault_names_the_kernel_and_brings_the_report_and_the_process_goes_on(source, tensor):
    x = tensor(1, 2, 3)
    with pytest.raises(KernelError, match=r"kernel beyond of some.cu \(.*\) failed: .*(?s:.*)argument 1, float32\[3\]"):
        Kernel(source, "beyond")(x, 3, grid=1, block=1)
    Kernel(source, "fill")(x, 3, 1.0, grid=1, block=32)
    assert x.tolist() == [1, 1, 1]


@pytest.mark.skipif("current().vgpu is None")
def test_tensors_that_share_a_storage_are_known_once(source, tensor):
    both = tensor(1, 2, 3, 4)
    Kernel(source, "widen<{scalar}>")(both[:2], both[2:], 1, grid=1, block=2)
    assert both.tolist() == [3, 4, 3, 4]
