"""Recording: when it is on, how much it keeps, on which clock, and what it says where it cannot hear."""

import pytest


def test_a_process_that_never_asks_loads_nothing(program):
    shown = program("""
import nvtx
with nvtx.annotate("work"):
    pass
from harness.timeline.injection.record import Recording
maps = open("/proc/self/maps").read()
show(Recording("measured"), loaded="fuseproof_nvtx" in maps, variable=os.environ.get("NVTX_INJECTION64_PATH"))
""")
    assert (shown.loaded, shown.variable) == (False, None)


def test_ranges_of_an_nvtx_package_that_was_used_before_are_said_to_be_missing(program):
    shown = program("""
import nvtx
with nvtx.annotate("too early"):
    pass
with record() as recording, nvtx.annotate("unheard"):
    pass
show(recording)
""")
    assert shown.ranges.empty
    assert "called NVTX before recording was enabled" in shown.findings["nvtx package not recorded"][1]


def test_a_disabled_nvtx_package_is_said_to_be_disabled(program):
    shown = program(
        """
enable()
import nvtx
with record() as recording, nvtx.annotate("unheard"):
    pass
show(recording)
""",
        NVTX_DISABLE="1",
    )
    assert "NVTX_DISABLE is set" in shown.findings["nvtx package not recorded"][1]


def test_a_program_without_nvtx_has_no_ranges_and_no_findings(program):
    shown = program("with record() as recording: pass\nshow(recording)")
    assert shown.ranges.empty
    assert shown.findings == {}


def test_another_tool_keeps_nvtx(program):
    shown = program(
        """
from harness.errors import FuseproofError
from harness.timeline.injection.record import Recording
try:
    with record():
        pass
except FuseproofError as error:
    show(Recording("measured"), said=str(error))
""",
        NVTX_INJECTION64_PATH="/opt/nsys/libToolsInjection64.so",
    )
    assert "NVTX goes to another tool: NVTX_INJECTION64_PATH is /opt/nsys/libToolsInjection64.so" in shown.said


def test_there_is_one_recording_at_a_time_and_another_one_afterwards(program):
    shown = program("""
from harness.errors import FuseproofError
enable()
import nvtx
with record() as recording, nvtx.annotate("first"):
    try:
        with record():
            pass
    except FuseproofError as error:
        said = str(error)
with record() as again, nvtx.annotate("second"):
    pass
show(again, said=said, first=recording.ranges["name"].tolist())
""")
    assert "recorded in this process already" in shown.said
    assert (shown.first, shown.ranges["name"].tolist()) == (["first"], ["second"])


def test_memory_is_bounded_and_what_finds_no_room_is_counted(program):
    shown = program("""
enable()
import nvtx
with record(limit=200_000) as recording:
    for _ in range(10_000):
        with nvtx.annotate("work"):
            pass
    with nvtx.annotate("late"):
        pass
show(recording)
""")
    kept, (dropped, sentence) = len(shown.ranges), shown.findings["NVTX events dropped"]
    assert 1_000 < kept < 10_000
    assert kept * 2 + dropped - 20_002 in (0, 1)  # the last one kept may be a push without its pop
    assert "late" not in set(shown.ranges["name"])
    assert "raise the limit" in sentence


def test_many_threads_record_at_once_without_loss(program):
    shown = program("""
enable()
import nvtx

def work(number):
    for _ in range(500):
        with nvtx.annotate(f"thread {number}", domain=f"domain {number % 3}"):
            pass

with record() as recording:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
show(recording)
""")
    by_name = shown.ranges.groupby("name")
    assert set(by_name.size()) == {500}
    assert len(by_name) == 16
    assert (by_name["thread"].nunique() == 1).all()
    assert shown.findings == {}


def test_threads_that_begin_and_end_do_not_add_up(program):
    shown = program("""
enable()
import nvtx

def work():
    with nvtx.annotate("short"):
        pass

def once():
    with record() as recording:
        for _ in range(200):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    return recording

once()
show(once())
""")
    assert len(shown.ranges) == 200
    assert shown.findings == {}


def test_a_forked_child_records_nothing_of_its_parent(program):
    shown = program("""
enable()
import nvtx
with record() as recording:
    nvtx.push_range("parent")
    child = os.fork()
    if not child:
        with record() as own, nvtx.annotate("child"):
            pass
        os._exit(own.ranges["name"].tolist() != ["child"])
    _, status = os.waitpid(child, 0)
    nvtx.pop_range()
show(recording, status=status)
""")
    assert shown.status == 0
    assert shown.ranges["name"].tolist() == ["parent"]


def test_a_modelled_recording_reads_the_virtual_clock(program):
    shown = program("""
from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock
enable()
import nvtx
clock = Clock(gpus.load("T4"), hosts.load())
clock.work(1_000)
with record(clock) as recording:
    with nvtx.annotate("work"):
        clock.work(500)
    nvtx.mark("point")
show(recording)
""")
    assert shown.times == "modelled"
    assert (shown.named["work"]["start"], shown.named["work"]["end"], shown.named["point"]["start"]) == (
        1_000,
        1_500,
        1_500,
    )


@pytest.mark.parametrize("before", ["", "import nvtx\n"])
def test_a_measured_recording_reads_the_time_of_day(program, before):
    shown = program(f"""
import time
{before}enable()
import nvtx
with record() as recording:
    before = time.time_ns()
    with nvtx.annotate("work"):
        pass
    after = time.time_ns()
show(recording, before=before, after=after)
""")
    assert shown.before <= shown.named["work"]["start"] <= shown.named["work"]["end"] <= shown.after
