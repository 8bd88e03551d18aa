"""A case's variants on one timeline: on the vgpu as they are modelled, on a GPU as a trace shows them.

There is no GPU here: torch.profiler and NVTX are real, and what a GPU would add to the trace is written into it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from harness.errors import FuseproofError
from harness.kernel import counted_launches
from harness.timeline.launches import launched, launches
from harness.timing.traced import Variant, on_gpu, on_vgpu
from harness.vgpu.counters.record import Counters

X = torch.zeros(64, 64)
PROGRAM = r"""
import gzip, json, os, sys, threading
from harness.timeline.injection.record import enable
enable()
import nvtx, torch
import harness.kernel, harness.timing.traced as traced

def gpu(events, launched):
    "What a GPU adds to a trace: for each range named launch a call on its thread, and its kernel."
    for number, event in enumerate([event for event in events if event.get("name") == "launch"], start=1):
        call = {"ph": "X", "cat": "cuda_driver", "name": "cuLaunchKernel", "pid": event["pid"], "tid": event["tid"],
                "ts": event["ts"], "dur": 1.5, "args": {"correlation": number}}
        kernel = {"ph": "X", "cat": "kernel", "name": "void fused<float, 4>(float*)", "pid": 0, "tid": 7,
                  "ts": event["ts"] + 4, "dur": 3, "args": {"correlation": number, "device": 0, "stream": 7}}
        yield from [call, kernel] if number <= launched else [call]

def export(profiler, path):
    written(profiler, path)
    document = json.load(open(path))
    document["traceEvents"] += gpu(document["traceEvents"], LAUNCHED)
    json.dump(document, open(path, "w"))

written, torch.profiler.profile.export_chrome_trace = torch.profiler.profile.export_chrome_trace, export
torch.cuda.synchronize = lambda: None

def launch():
    with torch.profiler.record_function("launch"):
        if harness.kernel._counting is not None:
            harness.kernel._counting["fused"] += 1

def reference():
    launch(), launch()

def fused():
    with nvtx.annotate("user's", domain="model", payload=3):
        launch()

LAUNCHED = int(sys.argv[1])
made = traced.on_gpu([traced.Variant("reference", reference, []), traced.Variant("fused", fused, [])])
from harness.timeline.launches import launched, launches
pairs, counts = launched(made, launches(made)), {}
for row in pairs.range:
    name = made.ranges["name"].iloc[row]
    counts[name] = counts.get(name, 0) + 1
print(json.dumps({
    "launched": counts,
    "findings": [finding.sentence for finding in made.findings],
    "source": [made.source.times, made.source.clock, made.source.path],
    "ranges": made.ranges[made.ranges["kind"] != "annotation"][["name", "domain", "payload"]].values.tolist(),
    "regions": [name for name in made.ranges["name"] if name in ("reference", "fused")],
}))
"""


def program(launched):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(launched)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    return done, json.loads(done.stdout.splitlines()[-1]) if not done.returncode else None


@pytest.fixture(scope="module")
def shown():
    done, shown = program(launched=3)
    assert shown, done.stderr
    return shown


def test_launches_of_a_trace_belong_to_variants_and_to_ranges_of_the_nvtx_package(shown):
    assert {name: shown["launched"][name] for name in ("reference", "fused", "user's")} == {
        "reference": 2,
        "fused": 1,
        "user's": 1,
    }


def test_each_variant_has_one_range(shown):
    assert shown["regions"] == ["reference", "fused"]


def test_nvtx_ranges_stand_beside_torchs_annotations(shown):
    assert shown["ranges"] == [["user's", "model", "3"]]


def test_a_trace_is_measured_and_has_no_file(shown):
    assert shown["source"] == ["measured", "unix", ""]


def test_equal_counts_of_launches_and_clocks_that_agree_are_no_finding(shown):
    assert shown["findings"] == []


def test_launches_that_the_profiler_lost_are_found():
    _, shown = program(launched=2)
    assert shown["findings"] == ["fused was launched 3 times, and the timeline has it 2 times: its figures are wrong"]


def test_a_profiler_that_saw_nothing_on_the_gpu_is_an_error():
    done, _ = program(launched=0)
    assert "torch.profiler saw no operation on the GPU, and 3 kernels ran: is another profiler active?" in done.stderr


def test_an_active_torch_profiler_is_left_alone():
    with (
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as outer,
        pytest.raises(FuseproofError, match=r"a torch\.profiler is active in this process"),
    ):
        on_gpu([Variant("reference", torch.add, [X, X])])
    assert outer.events() is not None


def kernel(vgpu):
    vgpu.clock.launch(0, "fused", 40_000, grid=(8, 1, 1), block=(64, 1, 1), counters=Counters(dram_read_bytes=64))


def test_variants_on_the_vgpu_share_one_timeline(vgpu):
    made = on_vgpu([Variant("reference", lambda x: (x + x) * 2, [X]), Variant("fused", kernel, [vgpu])], vgpu)
    pairs = launched(made, launches(made))
    names = Counter(made.ranges["name"].iloc[row] for row in pairs.range)
    assert (names["reference"], names["fused"]) == (2, 1)
    assert (made.source.times, made.source.kind) == ("modelled", "vgpu")


def test_a_variant_begins_on_an_idle_device(vgpu):
    made = on_vgpu([Variant("reference", kernel, [vgpu]), Variant("fused", kernel, [vgpu])], vgpu)
    first, second = made.operations["end"].iloc[0], made.ranges["start"].iloc[1]
    assert first < second


def of_variants(made):
    """What was found of the variants; that other tests of this process have used nvtx before is none of it."""
    return [finding.sentence for finding in made.findings if "nvtx" not in finding.name]


def test_each_variant_is_followed_by_its_graph_where_that_is_wanted(vgpu):
    variants = [Variant("reference", lambda x: (x + x) * 2, [X]), Variant("fused", kernel, [vgpu])]
    made = on_vgpu(variants, vgpu, graphs=True)
    pairs = launched(made, launches(made))
    names = Counter(made.ranges["name"].iloc[row] for row in pairs.range)
    assert names == {"reference": 2, "reference graph": 2, "fused": 1, "fused graph": 1}
    assert (made.operations["graph"] > 0).tolist() == [False, False, True, True, False, True]
    assert made.operations["graph_node"].tolist()[2:4] == [1, 2]
    assert of_variants(made) == []


def test_a_variant_that_waits_has_no_graph_and_the_timeline_says_so(vgpu):
    def waiting(x):
        vgpu.clock.synchronize(call="cudaDeviceSynchronize")
        return x + x

    made = on_vgpu([Variant("reference", waiting, [X])], vgpu, graphs=True)
    (sentence,) = of_variants(made)
    assert sentence.startswith("reference has no range as a CUDA graph: not capturable: it calls cudaDevice")
    assert made.ranges["name"].tolist() == ["reference"]


def test_variants_on_a_gpu_are_followed_by_their_graphs(monkeypatch):
    from types import SimpleNamespace

    from harness.timeline.schema import Source, timeline
    from harness.timing import replayed, traced

    def captured(function, inputs):
        if function is torch.mul:
            raise replayed.NotReplayable("not capturable: no")
        return lambda: None

    names = []

    def on_gpu(variants):
        names.extend(variant.name for variant in variants)
        return timeline(Source("kineto", "", "measured", "unix"))

    monkeypatch.setattr(replayed, "captured", captured)
    monkeypatch.setattr(traced, "on_gpu", on_gpu)
    variants = [Variant("reference", torch.mul, [X, X]), Variant("fused", torch.add, [X, X])]
    made = traced.traced(variants, SimpleNamespace(vgpu=None), graphs=True)
    assert names == ["reference", "fused", "fused graph"]
    assert made.findings[0].sentence == "reference has no range as a CUDA graph: not capturable: no"


def test_what_happened_before_is_not_on_the_timeline(vgpu):
    kernel(vgpu)
    assert len(on_vgpu([Variant("fused", kernel, [vgpu])], vgpu).operations) == 1


def test_launches_are_counted_only_while_somebody_asks():
    with counted_launches() as outer, counted_launches() as inner:
        pass
    assert (outer, inner) == (Counter(), Counter())
