import numpy as np
import pytest


def test_elapsed_time_is_the_clocks(cuda, vgpu):
    start, end = cuda.Event(), cuda.Event()
    start.record()
    cuda.memset_d8(cuda.mem_alloc(1 << 20), 0, 1 << 20)
    end.record().synchronize()
    memset = vgpu.clock.activities[-1]
    assert memset.kind == "memset"
    assert end.time_since(start) * 1e6 >= memset.duration
    assert start.time_till(end) == end.time_since(start)


def test_an_event_has_happened_once_the_host_has_waited_for_it(cuda):
    stream, event = cuda.Stream(), cuda.Event()
    cuda.memset_d8_async(cuda.mem_alloc(1 << 20), 0, 1 << 20, stream)
    event.record(stream)
    assert not event.query()
    event.synchronize()
    assert event.query()


def test_the_time_of_an_event_that_was_never_recorded_is_refused(cuda):
    with pytest.raises(cuda.LogicError, match="never recorded"):
        cuda.Event().time_since(cuda.Event().record())


def test_the_time_of_an_event_without_timing_is_refused(cuda):
    event = cuda.Event(cuda.event_flags.DISABLE_TIMING)
    event.record().synchronize()
    with pytest.raises(cuda.LogicError, match="DISABLE_TIMING"):
        event.time_since(event)


def test_the_time_of_an_event_to_come_is_not_ready(cuda):
    stream, start, end = cuda.Stream(), cuda.Event(), cuda.Event()
    start.record(stream)
    cuda.memset_d8_async(cuda.mem_alloc(1 << 20), 0, 1 << 20, stream)
    end.record(stream)
    with pytest.raises(cuda.Error, match="device not ready"):
        end.time_since(start)


def test_a_stream_is_done_once_the_host_has_waited_for_it(cuda):
    stream = cuda.Stream()
    cuda.memset_d8_async(cuda.mem_alloc(1 << 20), 0, 1 << 20, stream)
    assert not stream.is_done()
    stream.synchronize()
    assert stream.is_done()


def test_a_stream_waits_for_an_event_of_another(cuda, vgpu):
    first, second, event = cuda.Stream(), cuda.Stream(), cuda.Event()
    cuda.memset_d8_async(cuda.mem_alloc(1 << 20), 0, 1 << 20, first)
    event.record(first)
    second.wait_for_event(event)
    cuda.memset_d8_async(cuda.mem_alloc(4), 0, 4, second)
    before, after = vgpu.clock.activities[-2:]
    assert after.start >= before.end


def test_streams_run_at_the_same_time(cuda, vgpu):
    for stream in (cuda.Stream(), cuda.Stream()):
        cuda.memset_d8_async(cuda.mem_alloc(1 << 20), 0, 1 << 20, stream)
    first, second = vgpu.clock.activities[-2:]
    assert second.start < first.end
    assert first.stream != second.stream


def test_the_default_stream_of_a_thread_is_not_the_legacy_one(cuda, vgpu):
    from harness.vgpu.driver import entry

    data = cuda.mem_alloc(1 << 20)
    for stream in (2, 0, 2):  # CU_STREAM_PER_THREAD, null
        assert entry.table["cuMemsetD8Async"](int(data), 0, 1 << 20, stream) == 0
    own, legacy, again = vgpu.clock.activities[-3:]
    assert own.stream == again.stream != legacy.stream == 0
    assert own.end < legacy.start < legacy.end < again.start


def test_a_destroyed_stream_is_an_invalid_handle(cuda):
    from harness.vgpu.driver import entry

    handle = [0]
    entry.table["cuStreamCreate"](handle, 0)
    assert entry.table["cuStreamDestroy_v2"](handle[0]) == 0
    assert entry.table["cuStreamSynchronize"](handle[0]) == 400


def test_another_gpu_starts_a_new_clock_and_keeps_memory(cuda, vgpu):
    import harness.vgpu

    allocation = cuda.to_device(np.arange(4, dtype=np.int32))
    clock = vgpu.clock
    assert harness.vgpu.open("A100") is vgpu
    assert vgpu.clock is not clock
    assert cuda.Device(0).compute_capability() == (8, 0)
    assert cuda.from_device(allocation, 4, np.int32).tolist() == [0, 1, 2, 3]


def test_opening_the_same_gpu_again_keeps_the_clock(vgpu):
    import harness.vgpu

    clock = vgpu.clock
    assert harness.vgpu.open("T4").clock is clock
    assert harness.vgpu.open().clock is clock
