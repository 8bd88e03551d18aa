import ctypes
import gc
import inspect
import signal
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu.driver import entry, lz4, reports
from harness.vgpu.driver.entry import Needs
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.errors import KernelFault
from harness.vgpu.library import prototypes


@pytest.fixture(autouse=True)
def _open(vgpu):
    """The driver is loaded."""


@pytest.fixture
def exported(monkeypatch):
    """Export a function for the length of a test."""
    monkeypatch.setattr(entry, "table", dict(entry.table))

    def add(function, **options):
        entry.entry(function, needs=Needs.NOTHING, **options)
        return entry.table[function.__name__]

    return add


def text_of(code):
    pointer = [0]
    assert entry.table["cuGetErrorString"](code, pointer) == 0
    return ctypes.string_at(pointer[0]).decode()


def test_a_refusal_becomes_its_code_and_its_message_the_text_of_the_code(exported, vgpu):
    def cuRefuse():
        raise DriverError(Result.NOT_FOUND, "the needle is not in the haystack")

    assert exported(cuRefuse)() == 500
    assert text_of(500) == "named symbol not found - the needle is not in the haystack"
    assert text_of(400) == "invalid resource handle"
    assert vgpu.last_report() == "cuRefuse: the needle is not in the haystack"


def test_a_success_ends_the_story_of_a_failure(exported):
    def cuRefuse():
        raise DriverError(Result.NOT_FOUND, "gone")

    exported(cuRefuse)()
    entry.table["cuDriverGetVersion"]([0])
    assert text_of(500) == "named symbol not found"


def test_a_fault_of_a_kernel_keeps_its_own_code(exported):
    def cuFault():
        raise KernelFault("misaligned", 716)

    assert exported(cuFault)() == Result.MISALIGNED_ADDRESS


def test_a_defect_of_the_driver_is_an_unknown_error_with_a_traceback(exported, vgpu):
    def cuDefect():
        raise RuntimeError("a defect")

    assert exported(cuDefect)() == Result.UNKNOWN
    assert "RuntimeError: a defect" in vgpu.last_report()


@pytest.fixture
def interruptible():
    """A shell without job control starts what it runs in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_reaches_the_program(exported, interruptible):
    def cuSlow():
        raise KeyboardInterrupt

    slow = exported(cuSlow)
    with pytest.raises(KeyboardInterrupt):
        [slow() for _ in range(100)]


def test_a_clean_up_call_inside_another_call_waits_for_its_end(exported):
    order = []

    def cuForget():
        order.append("forgotten")

    forget = exported(cuForget, clean_up=True)

    def cuWork():
        forget()
        order.append("worked")

    exported(cuWork)()
    assert order == ["worked", "forgotten"]


def test_memory_that_the_garbage_collector_finds_during_a_call_is_freed_after_it(exported, cuda, request):
    gc.disable()  # it shall run inside the call, not before
    request.addfinalizer(gc.enable)

    class Cycle:
        pass

    cycle = Cycle()
    cycle.itself, cycle.memory = cycle, cuda.mem_alloc(64)
    address = int(cycle.memory)
    del cycle
    known = []

    def cuCollect():
        gc.collect()
        known.append(cuda.mem_get_address_range(address)[1])

    assert exported(cuCollect)() == 0
    assert known == [64]
    with pytest.raises(cuda.LogicError):
        cuda.mem_get_address_range(address)


def test_a_call_before_cuinit_is_refused(monkeypatch):
    monkeypatch.setattr(entry.driver, "started", False)
    assert entry.table["cuDeviceGetCount"]([0]) == Result.NOT_INITIALIZED


def test_a_null_pointer_for_a_result_is_no_crash(cuda):
    assert ctypes.CDLL("libcuda.so.1").cuDeviceGetCount(None) != 0


@pytest.mark.parametrize("name", sorted(prototypes.functions()))
def test_every_function_takes_the_parameters_of_its_prototype(vgpu, name):
    implemented = entry.table.get(name)
    if implemented is None:
        assert entry.unsupported(name)(1, 2, 3) == Result.NOT_SUPPORTED
        return
    function = implemented.args[1] if hasattr(implemented, "args") else implemented
    assert len(inspect.signature(function).parameters) == len(prototypes.functions()[name])


@pytest.mark.parametrize("result", list(Result))
def test_every_code_has_a_name_and_a_text(result):
    pointer = [0]
    assert entry.table["cuGetErrorName"](int(result), pointer) == 0
    assert ctypes.string_at(pointer[0]).decode().startswith("CUDA_")
    reports.succeeded()
    assert text_of(result)


def test_a_code_that_is_none_has_no_text():
    assert entry.table["cuGetErrorString"](12345, [0]) == Result.INVALID_VALUE


class TestLz4:
    @given(st.lists(st.tuples(st.binary(max_size=300), st.integers(1, 70000), st.integers(4, 400)), max_size=20))
    def test_sequences_of_literals_and_matches_are_what_they_say(self, sequences):
        block, content = bytearray(), b""
        for literals, offset, length in [
            (b"start" + literals, offset, length) for literals, offset, length in sequences
        ]:
            content += literals
            offset = min(offset, len(content), 65535)
            block += self.token(len(literals), length) + literals + struct.pack("<H", offset) + self.more(length - 4)
            for _ in range(length):
                content += content[-offset : len(content) - offset + 1] if offset > 1 else content[-1:]
        block += self.token(3, 4) + b"end"
        content += b"end"
        assert lz4.decompress(bytes(block), len(content)) == content

    def test_a_block_that_ends_too_early_is_damaged(self):
        with pytest.raises(ValueError, match="ends too early"):
            lz4.decompress(b"\xf0", 100)

    def test_a_match_before_the_start_is_damaged(self):
        with pytest.raises(ValueError, match="refers 9 bytes back"):
            lz4.decompress(b"\x10a\x09\x00\x10b", 6)

    @classmethod
    def token(cls, literals, match):
        return bytes([min(literals, 15) << 4 | min(match - 4, 15)]) + cls.more(literals)

    @staticmethod
    def more(length):
        """The bytes behind a length of 15 and more."""
        if length < 15:
            return b""
        whole, rest = divmod(length - 15, 255)
        return bytes([255] * whole + [rest])


def test_a_destructor_during_an_exception_leaves_it_as_it_is(cuda, capfd):
    with pytest.raises(cuda.LogicError, match="never recorded"):
        cuda.Event().time_since(cuda.Event().record())  # both events are destroyed while the exception is on its way
    assert capfd.readouterr().err == ""
