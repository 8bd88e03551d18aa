"""The one device: what it answers about itself, from the GPU's data file."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable

from harness.vgpu.driver.entry import Needs, entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver
from harness.vgpu.gpus import Gpu

ORDINAL = 0
PCI_BUS_ID = "0000:00:00.0"
LAST_ATTRIBUTE = 147  # of CUDA 13.0

# CUdevice_attribute: numbers of cuda.h. Those that are missing here answer 0: the vgpu has no textures, no peers,
# no virtual memory management.
_ATTRIBUTES: dict[int, Callable[[Gpu], int]] = {
    1: lambda gpu: gpu.threads_per_block,  # MAX_THREADS_PER_BLOCK
    2: lambda gpu: 1024,  # MAX_BLOCK_DIM_X
    3: lambda gpu: 1024,  # MAX_BLOCK_DIM_Y
    4: lambda gpu: 64,  # MAX_BLOCK_DIM_Z
    5: lambda gpu: 2**31 - 1,  # MAX_GRID_DIM_X
    6: lambda gpu: 65535,  # MAX_GRID_DIM_Y
    7: lambda gpu: 65535,  # MAX_GRID_DIM_Z
    8: lambda gpu: gpu.shared_per_block,  # MAX_SHARED_MEMORY_PER_BLOCK
    9: lambda gpu: 65536,  # TOTAL_CONSTANT_MEMORY
    10: lambda gpu: 32,  # WARP_SIZE
    11: lambda gpu: 2**31 - 1,  # MAX_PITCH
    12: lambda gpu: gpu.registers_per_block,  # MAX_REGISTERS_PER_BLOCK
    13: lambda gpu: gpu.clock_hz // 1000,  # CLOCK_RATE, kHz
    14: lambda gpu: 512,  # TEXTURE_ALIGNMENT
    15: lambda gpu: 1,  # GPU_OVERLAP
    16: lambda gpu: gpu.sms,  # MULTIPROCESSOR_COUNT
    19: lambda gpu: 1,  # CAN_MAP_HOST_MEMORY
    31: lambda gpu: 1,  # CONCURRENT_KERNELS
    36: lambda gpu: gpu.memory_clock_hz // 1000,  # MEMORY_CLOCK_RATE, kHz
    37: lambda gpu: gpu.memory_bus_bits,  # GLOBAL_MEMORY_BUS_WIDTH
    38: lambda gpu: gpu.l2_bytes,  # L2_CACHE_SIZE
    39: lambda gpu: gpu.threads_per_sm,  # MAX_THREADS_PER_MULTIPROCESSOR
    40: lambda gpu: 2,  # ASYNC_ENGINE_COUNT: one engine a direction
    41: lambda gpu: 1,  # UNIFIED_ADDRESSING
    51: lambda gpu: 32,  # TEXTURE_PITCH_ALIGNMENT
    75: lambda gpu: gpu.compute_capability[0],  # COMPUTE_CAPABILITY_MAJOR
    76: lambda gpu: gpu.compute_capability[1],  # COMPUTE_CAPABILITY_MINOR
    79: lambda gpu: 1,  # GLOBAL_L1_CACHE_SUPPORTED
    80: lambda gpu: 1,  # LOCAL_L1_CACHE_SUPPORTED
    81: lambda gpu: gpu.shared_per_sm,  # MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
    82: lambda gpu: gpu.registers_per_sm,  # MAX_REGISTERS_PER_MULTIPROCESSOR
    83: lambda gpu: 1,  # MANAGED_MEMORY
    87: lambda gpu: round(gpu.lanes["fp32"] / gpu.lanes["fp64"]),  # SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO
    89: lambda gpu: 1,  # CONCURRENT_MANAGED_ACCESS
    91: lambda gpu: 1,  # CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM
    97: lambda gpu: gpu.shared_per_block_optin,  # MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    99: lambda gpu: 1,  # HOST_REGISTER_SUPPORTED
    106: lambda gpu: gpu.blocks_per_sm,  # MAX_BLOCKS_PER_MULTIPROCESSOR
    111: lambda gpu: gpu.shared_reserved_per_block,  # RESERVED_SHARED_MEMORY_PER_BLOCK
    115: lambda gpu: 1,  # MEMORY_POOLS_SUPPORTED: cuMemAllocAsync works
    129: lambda gpu: 1,  # UNIFIED_FUNCTION_POINTERS
}


def check(device: int) -> None:
    """Raise unless this is the device."""
    if device != ORDINAL:
        raise DriverError(Result.INVALID_DEVICE, f"there is no device {device}: the vgpu is device {ORDINAL}")


def attribute(number: int) -> int:
    """The value of a CUdevice_attribute."""
    if not 1 <= number <= LAST_ATTRIBUTE:
        raise DriverError(Result.INVALID_VALUE, f"CUDA 13.0 has no device attribute {number}")
    answer = _ATTRIBUTES.get(number)
    return answer(driver.gpu) if answer else 0


def _write(address: int, length: int, content: bytes) -> None:
    """Write a C string into the caller's buffer, cut to its length."""
    if length > 0:
        ctypes.memmove(address, content[: length - 1] + b"\0", min(len(content), length - 1) + 1)


@entry(needs=Needs.START)
def cuDeviceGetCount(count):
    count[0] = 1


@entry(needs=Needs.START)
def cuDeviceGet(device, ordinal):
    check(ordinal)
    device[0] = ordinal


@entry(needs=Needs.START)
def cuDeviceGetName(name, len, dev):
    check(dev)
    _write(name, len, driver.gpu.full_name.encode())


@entry(needs=Needs.START, also="cuDeviceGetUuid")
def cuDeviceGetUuid_v2(uuid, dev):
    check(dev)
    ctypes.memmove(uuid, hashlib.sha256(f"fuseproof vgpu {driver.gpu.name}".encode()).digest(), 16)


@entry(needs=Needs.START)
def cuDeviceGetPCIBusId(pciBusId, len, dev):
    check(dev)
    _write(pciBusId, len, PCI_BUS_ID.encode())


@entry(needs=Needs.START)
def cuDeviceGetByPCIBusId(dev, pciBusId):
    wanted = ctypes.string_at(pciBusId).decode(errors="replace")
    if wanted != PCI_BUS_ID:
        raise DriverError(Result.INVALID_DEVICE, f"there is no device at {wanted}: the vgpu is at {PCI_BUS_ID}")
    dev[0] = ORDINAL


@entry(needs=Needs.START)
def cuDeviceTotalMem_v2(bytes, dev):
    check(dev)
    bytes[0] = driver.gpu.dram_bytes


@entry(needs=Needs.START)
def cuDeviceComputeCapability(major, minor, dev):
    check(dev)
    major[0], minor[0] = driver.gpu.compute_capability


@entry(needs=Needs.START)
def cuDeviceGetAttribute(pi, attrib, dev):
    check(dev)
    pi[0] = attribute(attrib)


@entry(needs=Needs.START)
def cuDeviceCanAccessPeer(canAccessPeer, dev, peerDev):
    check(dev)
    check(peerDev)
    canAccessPeer[0] = 0
