"""What a call launches, with counters, and the bounds that a memory-bound kernel must keep.

Compulsory is what a kernel must read and write once: what else it takes is waste.
"""

from __future__ import annotations

import pytest

from harness.vgpu.run.mode import Mode


def activities_of(device, function, *operands, **options):
    """What one counted call puts on the vgpu."""
    if not device.vgpu:
        pytest.skip("only the vgpu counts what is executed")
    activities = device.vgpu.clock.activities
    before = len(activities)
    with device.vgpu.using(Mode(checked=True, counted=True)):
        function(*operands, **options)
    return activities[before:]


def wastes_nothing(counted, compulsory):
    """Whole sectors, each once; no bank conflicts; nothing in local memory."""
    assert counted.ideal_sectors >= 0.95 * counted.sectors
    assert compulsory <= counted.dram_bytes <= 1.05 * compulsory
    assert counted.wavefronts == counted.ideal_wavefronts
    assert counted.local_load_requests == counted.local_store_requests == 0


def spills(*kernels):
    """Bytes of local memory, by ptxas, of the instances that were launched."""
    return {launcher.function.local_size_bytes for kernel in kernels for launcher in kernel._launchers.values()}
