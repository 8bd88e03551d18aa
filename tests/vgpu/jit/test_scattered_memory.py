"""Code links wherever memory is left: with tens of gigabytes mapped, holes may be small and far from one another."""

import subprocess
import sys

PROGRAM = '''
import ctypes, mmap
from harness.vgpu.jit import compile

code = compile.object_code("""
@table = private constant [4 x double] [double 1.5, double 2.5, double 3.5, double 4.5]
define double @warp(i64 %at) {
  %address = getelementptr [4 x double], ptr @table, i64 0, i64 %at
  %value = load double, ptr %address
  ret double %value
}
""", compile.host())
compile._linker()

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
APART = 3 << 30  # farther than an offset of 32 bits reaches
NEW = 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0  # MAP_NORESERVE
start = libc.mmap(None, 40 * APART, *NEW)
while libc.mmap(None, mmap.PAGESIZE, *NEW) > start:
    pass  # the holes that there were
for number in range(40):  # from the top: holes of one page, of two, ...
    libc.munmap(start + (39 - number) * APART, (number // 4 + 1) * mmap.PAGESIZE)

warp = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(compile.link("scattered", code))
print([warp(at) for at in range(4)])
'''


def test_code_links_where_memory_is_left_in_small_holes_only():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert ran.stdout.strip() == "[1.5, 2.5, 3.5, 4.5]", ran.stderr[-500:]
