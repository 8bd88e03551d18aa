"""A module that was loaded before is not parsed again, and does the same."""

import numpy as np
import pytest

from harness.vgpu.errors import InvalidPtx, KernelFault
from harness.vgpu.run import outline
from harness.vgpu.run.allocations import table
from harness.vgpu.run.mode import FAST, Mode
from harness.vgpu.run.module import load

PTX = """.version 8.0
.target sm_75
.address_size 64
.global .align 4 .u32 step = 3;
.visible .entry fill(.param .u64 out)
.maxntid 64, 2, 1
{
    .reg .b32 %r<4>; .reg .b64 %rd<4>;
    .shared .align 4 .b8 tile[128];
    mov.u32 %r1, %tid.x; ld.global.u32 %r2, [step]; mul.lo.u32 %r2, %r1, %r2;
    ld.param.u64 %rd1, [out]; mul.wide.u32 %rd2, %r1, 4; add.u64 %rd1, %rd1, %rd2;
    st.global.u32 [%rd1], %r2;
    ret;
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_parser(monkeypatch):
    """From now on parsing fails the test."""

    def start():
        monkeypatch.setattr(outline, "parse", lambda *_: pytest.fail("the module was parsed again"))

    return start


COUNTED = Mode()


def run(module, threads=32, mode=COUNTED):
    out = np.full(32, 99, np.uint32)
    table.add(out.ctypes.data, out.nbytes, "out")
    try:
        module.kernels["fill"].launch((1, 1, 1), (threads, 1, 1), 0, out.ctypes.data.to_bytes(8, "little"), mode)
    finally:
        table.remove(out.ctypes.data)
    return out.tolist()


def test_a_module_that_was_loaded_before_is_not_parsed(no_parser):
    first = run(load(PTX, "fill.ptx"))
    no_parser()
    again = load(PTX, "fill.ptx")
    assert run(again) == first == [3 * thread for thread in range(32)]


def test_what_the_driver_asks_of_a_kernel_is_in_the_outline(no_parser):
    load(PTX, "fill.ptx")
    no_parser()
    kernel = load(PTX, "fill.ptx").kernels["fill"]
    assert (kernel.max_threads, kernel.static_shared_bytes, kernel.parameter_bytes) == (128, 128, 8)


def test_a_fault_names_its_line_all_the_same():
    run(load(PTX, "fill.ptx"))
    with pytest.raises(KernelFault, match=r"fill\.ptx, PTX line 12, block"):
        run(load(PTX, "fill.ptx"), threads=33)


def test_a_damaged_file_of_the_cache_is_made_again(folder):
    expected = run(load(PTX, "fill.ptx"))
    damaged = list((folder / "objects").rglob("*.o"))
    assert len(damaged) == 2  # outline and code
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-7])
    assert run(load(PTX, "fill.ptx")) == expected


def test_another_name_is_another_module():
    assert load(PTX, "a.ptx").program.outline.name == "a.ptx"
    assert load(PTX, "b.ptx").program.outline.name == "b.ptx"


def test_text_that_is_no_ptx_is_refused_each_time():
    for _ in range(2):
        with pytest.raises(InvalidPtx, match=r"bad\.ptx"):
            load(PTX.replace("mul.lo", "=mul"), "bad.ptx")


def test_launches_of_one_shape_do_not_see_each_other():
    module = load(PTX, "fill.ptx")
    first = run(module, mode=FAST)
    module.kernels["fill"].launch(
        (1, 1, 1), (1, 1, 1), 0, np.zeros(4, np.uint32).ctypes.data.to_bytes(8, "little"), FAST
    )
    assert run(module, mode=FAST) == first
    assert run(module, threads=7, mode=FAST)[7:] == [99] * 25


def test_a_launch_after_a_fault_is_whole():
    module = load(PTX, "fill.ptx")
    checked = Mode(counted=False)
    with pytest.raises(KernelFault):
        run(module, threads=33, mode=checked)
    assert run(module, mode=checked) == [3 * thread for thread in range(32)]
