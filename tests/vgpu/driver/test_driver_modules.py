import ctypes
import re
import subprocess

import numpy as np
import pytest

from harness.vgpu import toolkit
from harness.vgpu.driver import cubin, images, ptxas
from harness.vgpu.driver import fatbin as container
from harness.vgpu.driver.errors import DriverError
from harness.vgpu.run.allocations import table

GENCODE = ("-gencode", "arch=compute_75,code=[sm_75,compute_75]")


def reversed_by(cuda, module):
    data = np.arange(128, dtype=np.float32)
    module.get_function("reverse")(cuda.InOut(data), block=(128, 1, 1))
    return data.tolist() == list(range(127, -1, -1))


@pytest.mark.parametrize("quick_warps", [0, 4, 5, 4096])
def test_code_that_is_compiled_quickly_computes_the_same(cuda, fatbin, vgpu, quick_warps):
    with vgpu.compiling(quick_warps):
        module = cuda.module_from_buffer(fatbin)
    assert [reversed_by(cuda, module) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("mode", ["none", "speed", "balance", "size"])
def test_a_fatbinary_runs_however_it_is_compressed(cuda, compile_fatbin, mode):
    image = compile_fatbin(f"--compress-mode={mode}", *GENCODE)
    assert reversed_by(cuda, cuda.module_from_buffer(image))


def test_a_fatbinary_that_needs_zstandard_says_so(compile_fatbin, vgpu, monkeypatch):
    image = compile_fatbin("--compress-mode=size", *GENCODE)
    for package in ("compression", "zstandard"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(DriverError, match="nvcc --no-compress"):
        images.of(image, vgpu.gpu)


def test_a_module_is_loaded_from_a_file(cuda, fatbin, tmp_path):
    (tmp_path / "kernels.fatbin").write_bytes(fatbin)
    assert reversed_by(cuda, cuda.module_from_file(str(tmp_path / "kernels.fatbin")))


def test_a_missing_file_is_named(cuda):
    with pytest.raises(cuda.Error, match=r"file not found - cannot read the module nowhere\.ptx"):
        cuda.module_from_file("nowhere.ptx")


def test_the_image_of_the_cuda_runtime_is_found_through_its_wrapper(fatbin, vgpu):
    data = ctypes.create_string_buffer(fatbin)
    wrapper = ctypes.create_string_buffer(
        container.WRAPPER_MAGIC.to_bytes(4, "little")
        + bytes([1, 0, 0, 0])
        + ctypes.addressof(data).to_bytes(8, "little")
    )
    assert ".entry reverse" in images.at(ctypes.addressof(wrapper), vgpu.gpu).ptx


def test_machine_code_alone_is_refused_with_the_way_out(cuda, compile_fatbin):
    image = compile_fatbin("--no-compress", "-gencode", "arch=compute_75,code=sm_75")
    with pytest.raises(cuda.Error, match=r"holds cubin for sm_75, no PTX .* compile with `--fatbin -gencode"):
        cuda.module_from_buffer(image)


def test_a_cubin_is_refused_with_the_way_out(cuda):
    with pytest.raises(cuda.Error, match=r"machine code only; the vgpu runs PTX: compile with"):
        cuda.module_from_buffer(b"\x7fELF\x02\x01\x01\x33")


def test_ptx_for_a_newer_gpu_is_refused(cuda, ptx):
    with pytest.raises(cuda.Error, match="the PTX is for sm_90, newer than Tesla T4"):
        cuda.module_from_buffer(ptx.replace("sm_75", "sm_90").encode())


def test_what_is_neither_ptx_nor_a_fatbinary_is_refused(cuda):
    with pytest.raises(cuda.Error, match="neither PTX nor a fatbinary"):
        cuda.module_from_buffer(b"\xff\xfe\xfd")


def test_broken_ptx_fails_with_its_line(cuda, ptx):
    with pytest.raises(cuda.Error, match="a PTX JIT compilation failed"):
        cuda.module_from_buffer(ptx.replace("setp.ge.u32 %p", "setp.ge.u32 %undeclared").encode())


def test_the_message_of_a_refused_image_reaches_the_message_handler(cuda):
    said = []
    with pytest.raises(cuda.Error):
        cuda.module_from_buffer(b"\x7fELF", message_handler=lambda ok, info, error: said.append((ok, info, error)))
    ((ok, info, error),) = said
    assert (ok, info) == (False, "")
    assert error.startswith("the image is a cubin")


def test_a_kernel_that_is_not_there_is_answered_with_those_that_are(cuda, ptx):
    module = cuda.module_from_buffer(ptx.encode())
    with pytest.raises(cuda.LogicError, match="no kernel 'scales'; it has: bounded, scale"):
        module.get_function("scales")


def test_a_variable_is_device_memory_with_its_initial_value(cuda, ptx):
    module, value = cuda.module_from_buffer(ptx.encode()), np.zeros(1, np.float32)
    address, size = module.get_global("offset")
    cuda.memcpy_dtoh(value, address)
    assert (size, value[0]) == (4, 1.0)


def test_variables_go_with_their_module(cuda, ptx):
    module = cuda.module_from_buffer(ptx.encode())
    address, _ = module.get_global("offset")
    del module
    assert table.find(address) is None


def test_a_variable_that_is_not_there_is_answered_with_those_that_are(cuda, ptx):
    module = cuda.module_from_buffer(ptx.encode())
    with pytest.raises(cuda.LogicError, match="no global variable 'ofset'; it has: offset"):
        module.get_global("ofset")


@pytest.fixture(scope="module")
def said(fatbin, tmp_path_factory):
    """Registers and shared memory by kernel, as `ptxas -v` prints them."""
    source = tmp_path_factory.mktemp("ptxas") / "kernels.ptx"
    source.write_bytes(next(entry.content for entry in container.entries(fatbin) if entry.kind == "ptx").rstrip(b"\0"))
    command = [toolkit.find("ptxas"), "-v", "-arch=sm_75", source, "-o", "/dev/null"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    parts = re.findall(r"entry function '(\w+)'(.*?)(?=entry function|\Z)", text, re.DOTALL)
    used = {name: re.search(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?", part) for name, part in parts}
    return {name: (int(found[1]), int(found[2] or 0)) for name, found in used.items()}


class TestWhatPtxasSaid:
    def test_it_is_read_from_the_machine_code_of_a_fatbinary(self, cuda, fatbin, said):
        module = cuda.module_from_buffer(fatbin)
        for kernel, (registers, _) in said.items():
            assert module.get_function(kernel).num_regs == registers
        assert module.get_function("reverse").shared_size_bytes == said["reverse"][1] == 512

    def test_it_is_asked_of_ptxas_where_there_is_only_ptx(self, cuda, compile_fatbin, said):
        module = cuda.module_from_buffer(compile_fatbin("--no-compress", "-gencode", "arch=compute_75,code=compute_75"))
        assert module.get_function("pick").num_regs == said["pick"][0]

    def test_nothing_is_said_of_what_ptxas_refuses(self, vgpu):
        assert ptxas.usage(".version 8.0\n.target sm_75\nnonsense", vgpu.gpu) == {}

    def test_stack_is_counted(self, compile_fatbin):
        image = compile_fatbin("--no-compress", "-maxrregcount=16", *GENCODE)
        code = next(entry.content for entry in container.entries(image) if entry.kind == "cubin")
        assert cubin.usage(code)["pick"].local_bytes > 0


class TestFunctionAttributes:
    def test_threads_are_limited_by_launch_bounds(self, cuda, ptx):
        assert cuda.module_from_buffer(ptx.encode()).get_function("bounded").max_threads_per_block == 64

    def test_versions_are_the_architectures(self, scale):
        assert (scale.ptx_version, scale.binary_version) == (75, 75)

    def test_dynamic_shared_memory_can_be_raised_to_the_gpus_limit(self, cuda, fatbin):
        module = cuda.module_from_buffer(fatbin)
        pick, attribute = module.get_function("pick"), cuda.function_attribute.MAX_DYNAMIC_SHARED_SIZE_BYTES
        assert pick.get_attribute(attribute) == 48 << 10
        pick.set_attribute(attribute, 64 << 10)
        assert pick.get_attribute(attribute) == 64 << 10
        with pytest.raises(cuda.LogicError, match="at most 65536 fit on Tesla T4"):
            pick.set_attribute(attribute, (64 << 10) + 1)
