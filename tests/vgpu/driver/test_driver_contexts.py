import threading

import pytest

from harness.vgpu.driver import entry

OK, INVALID_CONTEXT, DESTROYED = 0, 201, 709


def call(name, *arguments):
    return entry.table[name](*arguments)


def in_a_thread(function):
    """What a function returns in a thread of its own, where no context is current."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture(autouse=True)
def _started(vgpu):
    call("cuInit", 0)


def test_memory_needs_a_context(vgpu):
    assert in_a_thread(lambda: call("cuMemAlloc_v2", [0], 64)) == INVALID_CONTEXT
    assert "no context is current in this thread" in vgpu.last_report()


def test_a_new_context_is_current_in_its_thread_only(cuda):
    def current():
        handle = [1]
        call("cuCtxGetCurrent", handle)
        return handle[0]

    assert current() != 0
    assert in_a_thread(current) == 0


def test_contexts_are_a_stack():
    def pushes_and_pops():
        first, second, popped = [0], [0], [0]
        call("cuCtxCreate_v4", first, 0, 0, 0)
        call("cuCtxCreate_v4", second, 0, 0, 0)
        call("cuCtxPopCurrent_v2", popped)
        assert popped == second
        call("cuCtxGetCurrent", popped)
        assert popped == first
        assert call("cuCtxDestroy_v2", second[0]) == call("cuCtxDestroy_v2", first[0]) == OK
        return call("cuCtxPopCurrent_v2", popped)

    assert in_a_thread(pushes_and_pops) == INVALID_CONTEXT


def test_a_destroyed_context_of_another_thread_is_said_to_be_destroyed():
    handle, made, destroyed = [0], threading.Event(), threading.Event()
    call("cuCtxCreate_v4", handle, 0, 0, 0)
    call("cuCtxPopCurrent_v2", None)

    def uses_it_later():
        call("cuCtxPushCurrent_v2", handle[0])
        made.set()
        destroyed.wait()
        return call("cuMemAlloc_v2", [0], 64)

    found = []
    thread = threading.Thread(target=lambda: found.append(uses_it_later()))
    thread.start()
    made.wait()
    call("cuCtxDestroy_v2", handle[0])
    destroyed.set()
    thread.join()
    assert found == [DESTROYED]


def test_the_primary_context_is_the_same_for_all_who_retain_it(cuda):
    first, second = cuda.Device(0).retain_primary_context(), cuda.Device(0).retain_primary_context()
    assert first.handle == second.handle
    first.push()
    assert int(cuda.mem_alloc(64)) > 0
    cuda.Context.pop()


def test_the_primary_context_cannot_be_released_more_often_than_retained():
    states = [0], [1]
    call("cuDevicePrimaryCtxGetState", 0, *states)
    if states[1] == [0]:
        assert call("cuDevicePrimaryCtxRelease_v2", 0) == INVALID_CONTEXT


def test_limits_are_kept(cuda):
    cuda.Context.set_limit(cuda.limit.PRINTF_FIFO_SIZE, 12345)
    assert cuda.Context.get_limit(cuda.limit.PRINTF_FIFO_SIZE) == 12345


def test_the_border_is_crossed_by_one_thread_at_a_time(cuda):
    context = cuda.Context.get_current() if hasattr(cuda.Context, "get_current") else None
    handle = [0]
    call("cuCtxGetCurrent", handle)

    def allocates():
        call("cuCtxPushCurrent_v2", handle[0])
        results = []
        for _ in range(200):
            pointer = [0]
            results += [call("cuMemAlloc_v2", pointer, 64), call("cuMemFree_v2", pointer[0])]
        return set(results)

    threads, found = [], []
    for _ in range(4):
        threads.append(threading.Thread(target=lambda: found.append(allocates())))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert found == [{OK}] * 4
    assert context is None or context
