"""CUDA graphs through the library's own functions, as programs in C and cuda-bindings call them; PyCUDA does the rest."""

import ctypes
import threading

import numpy as np
import pytest

from harness.vgpu.driver import capture

GLOBAL, THREAD_LOCAL, RELAXED = 0, 1, 2
KERNEL, MEMCPY, MEMSET, EMPTY = 0, 1, 2, 5
INVALID_VALUE, INVALID_HANDLE, ILLEGAL_STATE, ILLEGAL_ADDRESS, NOT_SUPPORTED = 1, 400, 401, 700, 801
UNSUPPORTED, INVALIDATED, UNMATCHED, UNJOINED, IMPLICIT, WRONG_THREAD = 900, 901, 903, 904, 906, 908
UPDATE_FAILURE = 910
NON_BLOCKING = 1


class KernelNodeParams(ctypes.Structure):
    _fields_ = (
        ("func", ctypes.c_void_p),
        *((name, ctypes.c_uint) for name in ("gx", "gy", "gz", "bx", "by", "bz", "shared")),
        *((name, ctypes.c_void_p) for name in ("kernel_params", "extra", "kern", "ctx")),
    )


class UpdateResult(ctypes.Structure):
    _fields_ = (("result", ctypes.c_int), ("node", ctypes.c_void_p), ("from_node", ctypes.c_void_p))


class Library:
    """libcuda.so.1 by ctypes: `code` is a call's result, `do` wants success, `new` gives the handle it returns."""

    def __init__(self):
        self.symbols = ctypes.CDLL("libcuda.so.1")

    def code(self, name, *arguments):
        passed = [ctypes.c_uint64(each) if isinstance(each, int) else each for each in arguments]
        return getattr(self.symbols, name)(*passed)

    def do(self, name, *arguments):
        assert self.code(name, *arguments) == 0, name

    def new(self, name, *arguments):
        handle = ctypes.c_uint64()
        self.do(name, ctypes.byref(handle), *arguments)
        return handle.value

    def begin(self, stream, mode=GLOBAL):
        self.do("cuStreamBeginCapture_v2", stream.handle, mode)

    def end(self, stream):
        graph = ctypes.c_uint64()
        self.do("cuStreamEndCapture", stream.handle, ctypes.byref(graph))
        return graph.value

    def instantiate(self, graph):
        return self.new("cuGraphInstantiateWithFlags", graph, 0)

    def nodes(self, graph, name="cuGraphGetNodes"):
        count = ctypes.c_size_t()
        self.do(name, graph, None, ctypes.byref(count))
        nodes = (ctypes.c_uint64 * count.value)()
        self.do(name, graph, nodes, ctypes.byref(count))
        return list(nodes)

    def types(self, graph):
        kind = ctypes.c_int()
        return [self.do("cuGraphNodeGetType", node, ctypes.byref(kind)) or kind.value for node in self.nodes(graph)]


@pytest.fixture
def driver(cuda):
    yield Library()
    assert capture.going_on == []


@pytest.fixture
def data(cuda):
    return cuda.to_device(np.zeros(4, np.float32))


@pytest.fixture
def step(scale, data):
    """data = data * 2 + 1, on a stream."""

    def launch(stream, factor=2):
        scale(data, np.float32(factor), np.uint32(4), grid=(1, 1), block=(4, 1, 1), stream=stream)

    launch(None, factor=0)  # loaded, and all ones
    return launch


def values(cuda, data):
    return cuda.from_device(data, 4, np.float32).tolist()


def captured(driver, stream, work, mode=GLOBAL):
    driver.begin(stream, mode)
    work(stream)
    return driver.end(stream)


def test_what_is_captured_runs_at_each_launch_and_not_before(cuda, driver, step, data):
    stream = cuda.Stream()
    graph = captured(driver, stream, lambda stream: (step(stream), step(stream)))
    assert values(cuda, data) == [1] * 4
    executable = driver.instantiate(graph)
    for wanted in (7, 31):
        driver.do("cuGraphLaunch", executable, stream.handle)
        stream.synchronize()
        assert values(cuda, data) == [wanted] * 4


def test_arguments_are_those_of_the_capture(cuda, driver, scale, data):
    stream = cuda.Stream()
    factor = np.float32(3)
    scale(data, np.float32(0), np.uint32(4), block=(4, 1, 1))
    graph = captured(driver, stream, lambda stream: scale(data, factor, np.uint32(4), block=(4, 1, 1), stream=stream))
    factor = np.float32(100)
    driver.do("cuGraphLaunch", driver.instantiate(graph), stream.handle)
    assert values(cuda, data) == [4] * 4


def test_a_graphs_launch_is_one_submission_on_the_clock(cuda, vgpu, driver, step):
    stream, clock = cuda.Stream(), vgpu.clock
    before = len(clock.activities)
    graph = captured(driver, stream, lambda stream: (step(stream), step(stream), step(stream)))
    assert len(clock.activities) == before
    executable = driver.instantiate(graph)
    calls = len(clock.calls)
    driver.do("cuGraphLaunch", executable, stream.handle)
    made = clock.activities[before:]
    assert [call.name for call in clock.calls[calls:]] == ["cuGraphLaunch"]
    assert {node.correlation for node in made} == {clock.calls[-1].correlation}
    assert [(node.name, node.node) for node in made] == [("scale", 1), ("scale", 2), ("scale", 3)]
    assert [node.after for node in made[1:]] == [(before,), (before + 1,)]
    assert made[1].start == made[0].end + clock.gpu.graph_node_ns
    assert all(node.counters.dram_bytes > 0 for node in made)


def test_streams_join_a_capture_by_events_and_their_branches_overlap(cuda, vgpu, driver, step):
    first, second, forked, joined = cuda.Stream(), cuda.Stream(), cuda.Event(), cuda.Event()
    driver.begin(first)
    step(first)
    forked.record(first)
    second.wait_for_event(forked)
    step(second)
    step(first)
    joined.record(second)
    first.wait_for_event(joined)
    step(first)
    graph = driver.end(first)
    before = len(vgpu.clock.activities)
    driver.do("cuGraphLaunch", driver.instantiate(graph), first.handle)
    made = vgpu.clock.activities[before:]
    assert [tuple(place - before for place in node.after if place >= before) for node in made] == [
        (),
        (0,),
        (0,),
        (1, 2),
    ]
    assert made[1].start == made[2].start


def test_copies_and_sets_are_nodes_that_read_memory_at_the_launch(cuda, driver, data):
    stream = cuda.Stream()
    host = cuda.pagelocked_empty(4, np.float32)
    host[:] = 5

    def work(stream):
        cuda.memset_d32_async(data, 7, 2, stream)
        cuda.memcpy_htod_async(int(data) + 8, host[:2], stream)

    graph = captured(driver, stream, work)
    assert driver.types(graph) == [MEMSET, MEMCPY]
    host[:] = 6
    driver.do("cuGraphLaunch", driver.instantiate(graph), stream.handle)
    stream.synchronize()
    assert cuda.from_device(data, 4, np.uint32)[:2].tolist() == [7, 7]
    assert values(cuda, data)[2:] == [6, 6]


def test_capturing_is_a_status_of_the_stream(cuda, driver):
    stream, status, number = cuda.Stream(), ctypes.c_int(-1), ctypes.c_uint64()

    def asked():
        driver.do("cuStreamIsCapturing", stream.handle, ctypes.byref(status))
        return status.value

    assert asked() == 0
    driver.begin(stream)
    assert asked() == 1
    driver.do("cuStreamGetCaptureInfo_v2", stream.handle, ctypes.byref(status), ctypes.byref(number), None, None, None)
    assert (status.value, number.value > 0) == (1, True)
    assert driver.code("cuStreamSynchronize", stream.handle) == UNSUPPORTED
    assert asked() == 2
    assert driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(number)) == INVALIDATED
    assert asked() == 0


PROHIBITED = {
    "a wait for the stream": (UNSUPPORTED, lambda driver, stream: driver.code("cuStreamSynchronize", stream)),
    "a question to the stream": (UNSUPPORTED, lambda driver, stream: driver.code("cuStreamQuery", stream)),
    "a wait for the context": (UNSUPPORTED, lambda driver, stream: driver.code("cuCtxSynchronize")),
    "an allocation": (
        UNSUPPORTED,
        lambda driver, stream: driver.code("cuMemAlloc_v2", ctypes.byref(ctypes.c_uint64()), 16),
    ),
    "a page-locked allocation": (
        UNSUPPORTED,
        lambda driver, stream: driver.code("cuMemHostAlloc", ctypes.byref(ctypes.c_uint64()), 16, 0),
    ),
    "an allocation on the stream": (
        NOT_SUPPORTED,
        lambda driver, stream: driver.code("cuMemAllocAsync", ctypes.byref(ctypes.c_uint64()), 16, stream),
    ),
    "work on the legacy default stream": (
        IMPLICIT,
        lambda driver, stream: driver.code("cuMemsetD8Async", driver.address, 0, 4, 0),
    ),
    "a synchronous call": (IMPLICIT, lambda driver, stream: driver.code("cuMemsetD8_v2", driver.address, 0, 4)),
}


@pytest.mark.parametrize("what", PROHIBITED)
def test_what_a_capture_prohibits_fails_and_invalidates_it(cuda, vgpu, driver, step, data, what):
    stream, graph = cuda.Stream(), ctypes.c_uint64(1)
    driver.address = int(data)
    wanted, call = PROHIBITED[what]
    driver.begin(stream)
    step(stream)
    assert call(driver, stream.handle) == wanted
    with pytest.raises(cuda.Error, match="operation failed due to a previous error during capture"):
        step(stream)
    assert driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(graph)) == INVALIDATED
    assert graph.value == 0
    step(stream)
    stream.synchronize()
    assert values(cuda, data) == [3] * 4


def test_the_legacy_default_stream_is_free_while_a_non_blocking_stream_is_captured(cuda, driver, step, data):
    stream = cuda.Stream(NON_BLOCKING)
    driver.begin(stream)
    step(stream)
    step(None)
    assert driver.code("cuMemsetD8_v2", int(data), 0, 4) == UNSUPPORTED  # it waits
    assert driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(ctypes.c_uint64())) == INVALIDATED
    assert values(cuda, data) == [3] * 4


@pytest.mark.parametrize("handle", [0, 1])
def test_the_legacy_default_stream_cannot_be_captured(driver, handle):
    assert driver.code("cuStreamBeginCapture_v2", handle, GLOBAL) == UNSUPPORTED


def test_the_default_stream_of_a_thread_can_be_captured(driver):
    driver.do("cuStreamBeginCapture_v2", 2, GLOBAL)
    driver.do("cuStreamEndCapture", 2, ctypes.byref(ctypes.c_uint64()))


def test_a_mode_that_is_none_is_refused(cuda, driver):
    assert driver.code("cuStreamBeginCapture_v2", cuda.Stream().handle, 3) == INVALID_VALUE


def test_a_stream_is_captured_once_at_a_time(cuda, driver):
    stream = cuda.Stream()
    assert driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(ctypes.c_uint64())) == ILLEGAL_STATE
    driver.begin(stream)
    assert driver.code("cuStreamBeginCapture_v2", stream.handle, GLOBAL) == ILLEGAL_STATE
    driver.end(stream)


def test_a_branch_that_is_not_joined_is_an_error(cuda, driver, step):
    first, second, event, graph = cuda.Stream(), cuda.Stream(), cuda.Event(), ctypes.c_uint64(1)
    driver.begin(first)
    event.record(first)
    second.wait_for_event(event)
    step(second)
    assert driver.code("cuStreamEndCapture", second.handle, ctypes.byref(graph)) == UNMATCHED
    assert driver.code("cuStreamEndCapture", first.handle, ctypes.byref(graph)) == INVALIDATED
    driver.begin(first)
    event.record(first)
    second.wait_for_event(event)
    step(second)
    assert driver.code("cuStreamEndCapture", first.handle, ctypes.byref(graph)) == UNJOINED
    step(second)
    second.synchronize()


def test_a_capture_waits_for_nothing_outside_of_it(cuda, driver):
    stream, other, event = cuda.Stream(), cuda.Stream(), cuda.Event()
    event.record(other)
    driver.begin(stream)
    with pytest.raises(cuda.Error, match="dependency created on uncaptured work in another stream"):
        stream.wait_for_event(event)
    assert driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(ctypes.c_uint64())) == INVALIDATED


def test_two_captures_are_not_merged(cuda, driver):
    first, second, event = cuda.Stream(), cuda.Stream(), cuda.Event()
    driver.begin(first)
    driver.begin(second)
    event.record(first)
    with pytest.raises(cuda.Error, match="would result in a merge of separate capture sequences"):
        second.wait_for_event(event)
    for stream in (first, second):
        assert driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(ctypes.c_uint64())) == INVALIDATED


def test_a_captured_event_never_happens(cuda, driver):
    stream, event, plain = cuda.Stream(), cuda.Event(), cuda.Event()
    driver.begin(stream)
    event.record(stream)
    driver.end(stream)
    plain.record()
    for asks in (event.query, event.synchronize, lambda: stream.wait_for_event(event), lambda: event.time_since(plain)):
        with pytest.raises(cuda.Error, match="an event last recorded in a capturing stream"):
            asks()
    event.record()
    event.synchronize()


def test_asking_for_a_captured_event_invalidates_its_capture(cuda, driver):
    stream, event = cuda.Stream(), cuda.Event()
    driver.begin(stream)
    event.record(stream)
    with pytest.raises(cuda.Error, match="an event last recorded in a capturing stream"):
        event.query()
    assert driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(ctypes.c_uint64())) == INVALIDATED


def in_a_thread(cuda, work):
    """What `work` returns in another thread, where this one's context is current."""
    context, found = cuda.Context.get_current(), []

    def run():
        context.push()
        try:
            found.append(work())
        finally:
            context.pop()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize(
    ("mode", "own", "other"),
    [(GLOBAL, UNSUPPORTED, UNSUPPORTED), (THREAD_LOCAL, UNSUPPORTED, 0), (RELAXED, 0, 0)],
)
def test_the_mode_says_which_threads_may_allocate(cuda, driver, mode, own, other):
    def allocate():
        address = ctypes.c_uint64()
        code = driver.code("cuMemAlloc_v2", ctypes.byref(address), 16)
        kept.append(address.value)
        return code

    kept, stream = [], cuda.Stream()
    driver.begin(stream, mode)
    assert in_a_thread(cuda, allocate) == other
    assert allocate() == own
    ended = driver.code("cuStreamEndCapture", stream.handle, ctypes.byref(ctypes.c_uint64()))
    assert ended == (INVALIDATED if own else 0)
    for address in filter(None, kept):
        driver.do("cuMemFree_v2", address)


def test_a_thread_may_allow_itself_what_a_capture_prohibits(cuda, driver):
    mode, address, stream = ctypes.c_int(RELAXED), ctypes.c_uint64(), cuda.Stream()
    driver.begin(stream)
    driver.do("cuThreadExchangeStreamCaptureMode", ctypes.byref(mode))
    assert mode.value == GLOBAL
    driver.do("cuMemAlloc_v2", ctypes.byref(address), 16)
    driver.do("cuThreadExchangeStreamCaptureMode", ctypes.byref(mode))
    driver.end(stream)
    driver.do("cuMemFree_v2", address.value)


def test_a_capture_ends_in_the_thread_that_began_it_unless_it_is_relaxed(cuda, driver):
    stream, graph = cuda.Stream(), ctypes.c_uint64()
    end = ("cuStreamEndCapture", stream.handle, ctypes.byref(graph))
    driver.begin(stream)
    assert in_a_thread(cuda, lambda: driver.code(*end)) == WRONG_THREAD
    driver.end(stream)
    driver.begin(stream, RELAXED)
    assert in_a_thread(cuda, lambda: driver.code(*end)) == 0


def test_a_graph_launched_into_a_capture_becomes_its_nodes(cuda, driver, step, data):
    stream = cuda.Stream()
    inner = driver.instantiate(captured(driver, stream, lambda stream: (step(stream), step(stream))))

    def twice(stream):
        step(stream)
        driver.do("cuGraphLaunch", inner, stream.handle)

    outer = captured(driver, stream, twice)
    assert driver.types(outer) == [KERNEL] * 3
    assert len(driver.nodes(outer, "cuGraphGetRootNodes")) == 1
    driver.do("cuGraphLaunch", driver.instantiate(outer), stream.handle)
    assert values(cuda, data) == [15] * 4


def handle_of(kernel):
    from harness.vgpu.driver import handles
    from harness.vgpu.driver.functions import Function

    things = handles.table._things.items()
    return [handle for handle, thing in things if isinstance(thing, Function) and thing.kernel.name == kernel][-1]


@pytest.fixture
def built(driver, step, data):
    """Two kernels that an empty node joins, and one behind it: data * 2 + 1, three times."""
    values = ctypes.c_uint64(int(data)), ctypes.c_float(2), ctypes.c_uint32(4)
    pointers = (ctypes.c_void_p * 3)(*(ctypes.addressof(value) for value in values))
    one = KernelNodeParams(
        handle_of("scale"), 1, 1, 1, 4, 1, 1, 0, ctypes.cast(pointers, ctypes.c_void_p), None, None, None
    )
    graph = driver.new("cuGraphCreate", 0)

    def kernel(*after):
        earlier = (ctypes.c_uint64 * len(after))(*after)
        return driver.new("cuGraphAddKernelNode_v2", graph, earlier, len(after), ctypes.byref(one))

    first, second = kernel(), kernel()
    join = driver.new("cuGraphAddEmptyNode", graph, (ctypes.c_uint64 * 2)(first, second), 2)
    kernel(join)
    return graph


def test_a_graph_is_built_node_by_node(cuda, vgpu, driver, built, data):
    assert driver.types(built) == [KERNEL, KERNEL, EMPTY, KERNEL]
    before = len(vgpu.clock.activities)
    driver.do("cuGraphLaunch", driver.instantiate(built), 0)
    made = vgpu.clock.activities[before:]
    assert values(cuda, data) == [15] * 4
    assert [node.start for node in made[:2]] == [made[0].start] * 2
    assert made[2].after == (before, before + 1)  # an empty node takes no time


def test_a_node_waits_for_nodes_of_its_own_graph_only(driver, built):
    other = driver.new("cuGraphCreate", 0)
    foreign = (ctypes.c_uint64 * 1)(driver.nodes(built)[0])
    arguments = ctypes.byref(ctypes.c_uint64()), other, foreign, 1
    assert driver.code("cuGraphAddEmptyNode", *arguments) == INVALID_VALUE


def test_a_clone_lives_without_its_original(cuda, driver, built, data):
    clone = driver.new("cuGraphClone", built)
    driver.do("cuGraphDestroy", built)
    assert driver.types(clone) == [KERNEL, KERNEL, EMPTY, KERNEL]
    driver.do("cuGraphLaunch", driver.instantiate(clone), 0)
    assert values(cuda, data) == [15] * 4


def test_an_executable_lives_without_its_graph_and_is_gone_when_destroyed(cuda, driver, built, data):
    executable = driver.instantiate(built)
    driver.do("cuGraphDestroy", built)
    driver.do("cuGraphUpload", executable, 0)
    driver.do("cuGraphLaunch", executable, 0)
    assert values(cuda, data) == [15] * 4
    driver.do("cuGraphExecDestroy", executable)
    assert driver.code("cuGraphLaunch", executable, 0) == INVALID_HANDLE
    assert driver.code("cuGraphDestroy", built) == INVALID_HANDLE


def test_an_executable_takes_over_a_graph_of_the_same_shape(cuda, driver, step, data):
    stream, result = cuda.Stream(), UpdateResult()
    executable = driver.instantiate(captured(driver, stream, step))
    tenfold = captured(driver, stream, lambda stream: step(stream, factor=10))
    driver.do("cuGraphExecUpdate_v2", executable, tenfold, ctypes.byref(result))
    driver.do("cuGraphLaunch", executable, stream.handle)
    assert (values(cuda, data), result.result) == ([11] * 4, 0)
    longer = captured(driver, stream, lambda stream: (step(stream), step(stream)))
    assert driver.code("cuGraphExecUpdate_v2", executable, longer, ctypes.byref(result)) == UPDATE_FAILURE
    assert result.result == 2  # CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED


def test_a_graph_is_drawn(driver, built, tmp_path):
    path = tmp_path / "graph.dot"
    driver.do("cuGraphDebugDotPrint", built, ctypes.c_char_p(str(path).encode()), 0)
    assert path.read_text().splitlines()[1:5] == [
        '  n0 [label="0: kernel"];',
        '  n1 [label="1: kernel"];',
        '  n2 [label="2: empty"];',
        '  n3 [label="3: kernel"];',
    ]
    assert "  n2 -> n3;" in path.read_text()


def test_a_kernel_that_faults_in_a_graph_fails_its_launch(cuda, vgpu, driver, scale, data):
    stream = cuda.Stream()
    graph = captured(
        driver,
        stream,
        lambda stream: scale(data, np.float32(2), np.uint32(64), block=(64, 1, 1), stream=stream),
    )
    assert driver.code("cuGraphLaunch", driver.instantiate(graph), stream.handle) == ILLEGAL_ADDRESS
    assert "scale" in vgpu.last_report()


def test_a_launch_that_no_gpu_takes_is_refused_when_it_is_captured(cuda, driver, scale, data):
    stream = cuda.Stream()
    driver.begin(stream)
    with pytest.raises(cuda.LogicError, match="a block of 2048 threads"):
        scale(data, np.float32(2), np.uint32(4), block=(64, 32, 1), stream=stream)
    driver.end(stream)


def test_a_stream_that_is_destroyed_takes_its_capture_along(cuda, driver):
    stream = driver.new("cuStreamCreate", 0)
    driver.do("cuStreamBeginCapture_v2", stream, GLOBAL)
    driver.do("cuStreamDestroy_v2", stream)
    assert driver.code("cuStreamEndCapture", stream, ctypes.byref(ctypes.c_uint64())) == INVALID_HANDLE
    driver.do("cuCtxSynchronize")


@pytest.mark.parametrize(
    ("version", "name"),
    [(13000, "cuStreamBeginCapture"), (12000, "cuGraphInstantiateWithFlags"), (13000, "cuStreamGetCaptureInfo")],
)
def test_programs_find_the_functions_by_name(driver, version, name):
    found, status = ctypes.c_uint64(), ctypes.c_int()
    driver.do("cuGetProcAddress_v2", name.encode(), ctypes.byref(found), version, 0, ctypes.byref(status))
    assert found.value


def test_memory_that_is_gone_fails_the_launch_of_a_copy(cuda, driver):
    stream, data = cuda.Stream(), cuda.mem_alloc(16)
    graph = captured(driver, stream, lambda stream: cuda.memset_d8_async(data, 7, 16, stream))
    driver.do("cuGraphLaunch", driver.instantiate(graph), stream.handle)
    data.free()
    assert driver.code("cuGraphLaunch", driver.instantiate(graph), stream.handle) == INVALID_VALUE


def test_a_copy_to_nowhere_is_refused_when_it_is_captured(cuda, driver):
    stream, host = cuda.Stream(), np.zeros(4, np.float32)
    driver.begin(stream)
    with pytest.raises(cuda.LogicError, match="are not device memory"):
        cuda.memcpy_htod_async(16, host, stream)
    driver.end(stream)
