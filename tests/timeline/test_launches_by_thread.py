"""NVTX ranges around PyCUDA's launches, from two threads and two domains, on the vgpu: each launch has its own range."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.device import current

PROGRAM = r"""
import json, threading
from harness import vgpu
from harness.timeline.injection.record import enable, record
from harness.timeline.launches import launched, launches
from harness.timeline.live import with_ranges
from harness.timeline.modelled import from_clock, mark
from harness.timeline.names import readable

enable()
gpu = vgpu.open("T4")
import nvtx
import pycuda.driver as cuda
from pycuda.compiler import SourceModule

cuda.init()
context = cuda.Device(0).make_context()
module = SourceModule("".join(
    f'extern "C" __global__ void {name}(int *out) {{ atomicAdd(out, 1); }}\n'
    for name in ("one_outer", "one_inner", "one_start", "two_outer", "two_inner", "outside")
))
count = cuda.mem_alloc(4)
cuda.memset_d32(count, 0, 1)
both = threading.Barrier(2)

def launch(name, times=1):
    for _ in range(times):
        both.wait()  # so that the launches of both threads take turns inside of both threads' ranges
        module.get_function(name)(count, grid=(1, 1), block=(1, 1, 1))

def one():
    context.push()
    with nvtx.annotate("one outer", domain="one"):
        launch("one_outer")
        with nvtx.annotate("one inner", domain="two"):
            launch("one_inner", 2)
        started = nvtx.start_range("one start", domain="one")
        launch("one_start")
        nvtx.end_range(started)
    launch("outside")
    context.pop()

def two():
    context.push()
    with nvtx.annotate("two outer", domain="two"):
        launch("two_outer", 2)
        with nvtx.annotate("two inner", domain="one"):
            launch("two_inner", 3)
    context.pop()

since = mark(gpu.clock)
context.pop()
with record(gpu.clock) as recording:
    threads = [threading.Thread(target=one), threading.Thread(target=two)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
context.push()
context.synchronize()
timeline = with_ranges(from_clock(gpu.clock, since), recording)
pairs = launched(timeline, launches(timeline))
ranges, operations = timeline.ranges, timeline.operations
result = {}
for row, operation in zip(pairs.range, pairs.operation):
    name = ranges["name"].iloc[row]
    result.setdefault(name, []).append(readable(operations["name"].iloc[operation]))
executed = cuda.from_device(count, 1, "int32")[0]
context.pop()
print(json.dumps({
    "launched": result,
    "domains": dict(zip(ranges["name"], ranges["domain"])),
    "threads": dict(zip(ranges["name"], ranges["thread"].tolist())),
    "native": [thread.native_id for thread in threads],
    "kernels": int((operations["kind"] == "kernel").sum()),
    "executed": int(executed),
    "findings": [finding.sentence for finding in timeline.findings],
    "source": [timeline.source.times, timeline.source.clock],
    "times": dict(zip(ranges["name"], ranges[["start", "end"]].to_numpy().tolist())),
}))
"""


@pytest.fixture(scope="module")
def shown():
    if current().kind != "vgpu":
        pytest.skip("this program opens the vgpu")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_each_launch_belongs_to_the_ranges_of_its_own_thread(shown):
    assert {name: sorted(kernels) for name, kernels in shown["launched"].items()} == {
        "one outer": ["one_inner", "one_inner", "one_outer", "one_start"],
        "one inner": ["one_inner", "one_inner"],
        "one start": ["one_start"],
        "two outer": ["two_inner", "two_inner", "two_inner", "two_outer", "two_outer"],
        "two inner": ["two_inner", "two_inner", "two_inner"],
    }


def test_both_threads_ranges_were_open_at_once(shown):
    one, two = shown["times"]["one outer"], shown["times"]["two outer"]
    assert max(one[0], two[0]) < min(one[1], two[1])


def test_ranges_know_their_domain_and_thread(shown):
    domains = {"one outer": "one", "one inner": "two", "one start": "one", "two outer": "two", "two inner": "one"}
    assert shown["domains"] == domains
    first, second = shown["native"]
    assert shown["threads"] == {name: first if name.startswith("one") else second for name in domains}


def test_every_launch_was_executed_and_is_on_the_timeline(shown):
    assert shown["kernels"] == shown["executed"] == 10


def test_nothing_is_wrong_and_times_are_modelled(shown):
    assert shown["findings"] == []
    assert shown["source"] == ["modelled", "virtual"]
