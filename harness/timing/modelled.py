"""Profiles a function on the virtual clock: run once, its numbers computed, its times modelled.

In: a function on CPU tensors and an open vgpu. Out: a `Profile` marked "modelled". Torch operators reach the clock
through the dispatch mode, PyCUDA's launches through the driver; both are the same clock. As a CUDA graph the recorded
launches are played once more, as one submission; nothing is computed again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.errors import FuseproofError
from harness.results.record import Profile, Way
from harness.timeline.modelled import from_clock, mark
from harness.timeline.names import readable
from harness.timeline.ranges import Range, region
from harness.timeline.schema import UNKNOWN, Timeline
from harness.timeline.summary import Ints, launched_by, summarise, total_dram_bytes
from harness.timing.torch_launches import torch_launches
from harness.vgpu.activity import ApiCall
from harness.vgpu.clock import Clock
from harness.vgpu.graph import Graph, recorded
from harness.vgpu.run.mode import FAST, Mode

if TYPE_CHECKING:
    from harness.vgpu import Vgpu

COUNTED = Mode(checked=False, counted=True)

_REPLAYED_ON = 0  # torch's current stream

# What a capture prohibits and warming up does not take away: calls that wait for the device, or may (CUDA driver API,
# cuThreadExchangeStreamCaptureMode). Copies and sets without Async use the legacy stream, which no capture may.
_PROHIBITED = re.compile(
    r"cu(da)?(Ctx|Device|Stream|Event)(Synchronize|Query)"
    r"|cu(da)?Mem(Alloc(?!Async)|Free(?!Async)|Host)"
    r"|cu(da)?Mem(cpy|set)(?!.*Async)"
)


def profile(function: Callable[..., Any], inputs: Sequence[Any], *, name: str, vgpu: Vgpu) -> Profile:
    """Run `function(*inputs)` once, from an idle device until the device is idle again."""
    return _profiled(lambda: function(*inputs), name, vgpu)[0]


def launches(function: Callable[..., Any], inputs: Sequence[Any], *, name: str, vgpu: Vgpu) -> int:
    """How many kernels `function(*inputs)` puts on the device; code that counts need not be compiled for it."""
    return _profiled(lambda: function(*inputs), name, vgpu, FAST)[0].launches


def profiles(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    name: str,
    vgpu: Vgpu,
    ways: Sequence[Way] = (),
    mode: Mode = COUNTED,
) -> dict[Way, Profile | str]:
    """The eager profile, and those of further ways, or the reason why there is none."""
    eager, calls, first = _profiled(lambda: function(*inputs), name, vgpu, mode)
    made: dict[Way, Profile | str] = {"eager": eager}
    for way in ways:
        if way != "graph":
            raise FuseproofError(f"{name}: the vgpu does not know what torch.compile would launch; take a GPU for it")
        graph = captured(calls, first, vgpu.clock)
        if isinstance(graph, str):
            made[way] = graph
        else:
            made[way] = _profiled(partial(replay, graph, vgpu.clock), f"{name} graph", vgpu)[0]
    return made


def captured(calls: Sequence[ApiCall], first: int, clock: Clock) -> Graph | str:
    """What these calls launched, from place `first` of the clock's list on, as a graph; or why it can be none."""
    if prohibited := sorted({call.name for call in calls if _PROHIBITED.match(call.name)}):
        return f"not capturable: it calls {', '.join(prohibited)}, which waits for the device or may"
    return recorded(clock.graph_number(), clock.activities, first)


def replay(graph: Graph, clock: Clock) -> None:
    """Launch the graph as torch would."""
    clock.launch_graph(_REPLAYED_ON, graph, call="cudaGraphLaunch")


def _profiled(
    run: Callable[[], object], name: str, vgpu: Vgpu, mode: Mode = COUNTED
) -> tuple[Profile, Sequence[ApiCall], int]:
    """The profile, the calls that it is of, and the place of their first operation in the clock's list."""
    clock = vgpu.clock
    clock.synchronize()
    before = mark(clock)
    with observed(name, vgpu, mode) as opened:
        run()
    calls = clock.calls[before.calls :]
    correlations = [call.correlation for call in calls if call.correlation]
    clock.synchronize()
    wall_ns = clock.host_ns - opened.start
    timeline = from_clock(clock, before)
    rows = launched_by(timeline, np.asarray(correlations, np.int64))
    counted = _counted_bytes(timeline, rows)
    made = summarise(name, "modelled", timeline, rows, host_ns=opened.length, wall_ns=wall_ns, dram_bytes=counted)
    return made, calls, before.activities


@contextmanager
def observed(name: str, vgpu: Vgpu, mode: Mode = COUNTED) -> Iterator[Range]:
    """A region on the virtual clock in which kernels are counted and torch's operators are launches."""
    clock = vgpu.clock
    with vgpu.using(mode), region(name, lambda: clock.host_ns) as opened, torch.no_grad(), torch_launches(clock):
        yield opened


def _counted_bytes(timeline: Timeline, rows: Ints) -> int:
    """DRAM bytes of all kernels. A kernel that nobody counted has no time either: its profile would be wrong."""
    total = total_dram_bytes(timeline, rows)
    if total is None:
        chosen = timeline.operations.iloc[rows]
        names = chosen["name"][(chosen["kind"] == "kernel") & (chosen["bytes"] == UNKNOWN)]
        uncounted = sorted({readable(name) for name in names})
        raise FuseproofError(f"not counted, so not timed: {', '.join(uncounted)}; launch them on the opened vgpu")
    return total
