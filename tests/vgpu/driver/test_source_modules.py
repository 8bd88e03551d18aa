"""PyCUDA's own ways to compile, as programs use them: SourceModule, gpuarray, elementwise and reduction kernels."""

import os

import numpy as np
import pytest

from harness.vgpu import toolkit

if toolkit.find("nvcc") is None:
    pytest.skip("no nvcc is installed", allow_module_level=True)


@pytest.fixture(autouse=True)
def context(cuda):
    return cuda


def test_a_source_module_compiles_to_what_the_vgpu_can_run():
    import pycuda.driver as cuda
    from pycuda.compiler import SourceModule

    module = SourceModule("__global__ void twice(float *a) { a[threadIdx.x] *= 2; }")
    values = np.arange(16, dtype=np.float32)
    module.get_function("twice")(cuda.InOut(values), block=(16, 1, 1))
    assert values.tolist() == [2.0 * i for i in range(16)]


def test_arrays_of_gpuarray_compute():
    import pycuda.gpuarray as gpuarray

    host = np.arange(1000, dtype=np.float32)
    array = gpuarray.to_gpu(host)
    np.testing.assert_array_equal((array * 2 + 1).get(), host * 2 + 1)
    assert gpuarray.sum(array).get() == host.sum()


def test_a_reduction_kernel_adds_across_blocks():
    from pycuda import gpuarray
    from pycuda.reduction import ReductionKernel

    dot = ReductionKernel(np.int64, neutral="0", reduce_expr="a+b", map_expr="x[i]*x[i]", arguments="long *x")
    assert dot(gpuarray.to_gpu(np.arange(5000, dtype=np.int64))).get() == (np.arange(5000) ** 2).sum()


def test_the_wrapper_of_nvcc_stands_first_on_the_path_once_and_is_never_taken_for_nvcc():
    toolkit.put_wrapper_first()
    toolkit.put_wrapper_first()
    folders = os.environ["PATH"].split(os.pathsep)
    assert (folders.count(folders[0]), os.path.basename(folders[0])) == (1, "bin")
    assert os.path.join(folders[0], "nvcc") != toolkit.find("nvcc")
