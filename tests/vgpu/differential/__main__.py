"""The long run: `python -m tests.vgpu.differential --seed 1 --first 0 --count 100000`.

Programs are numbered; a run can stop and go on with `--first`. Each chunk is a process of its own, so that memory
stays small and a crash is one chunk's. Every disagreement is shrunk and printed with the numbers that bring it back:
`--first N --count 1 --together K` runs only the kernel that starts with program N.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

CHUNK = 600


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vgpu.differential", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first program")
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--together", type=int, default=10, help="programs in one kernel")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time; 0: in this one")
    parser.add_argument("--avx2", action="store_true", help="compile for a CPU without AVX-512")
    options = parser.parse_args()
    return _one_chunk(options) if options.jobs == 0 else _all_chunks(options)


def _all_chunks(options: argparse.Namespace) -> int:
    starts = range(options.first, options.first + options.count, CHUNK - CHUNK % options.together)
    started, done, failures = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="differential-") as folder, ThreadPoolExecutor(options.jobs) as pool:
        caches: SimpleQueue[Path] = SimpleQueue()
        for number in range(options.jobs):
            caches.put(Path(folder) / str(number))
        for start, count, code, output in pool.map(
            lambda start: _run_chunk(options, start, starts.step, caches), starts
        ):
            done += count
            failures += code != 0
            rate = done / (time.monotonic() - started)
            if code != 0:
                print(output, f"chunk from {start}: {'disagreements' if code == 1 else f'exit code {code}'}", sep="\n")
            print(f"seed {options.seed}: {start + count - options.first} of {options.count} programs, {rate:.1f} a second, "
                  f"{failures} chunks with disagreements; go on with --first {start + count}", flush=True)  # fmt: skip
    return int(failures > 0)


def _run_chunk(
    options: argparse.Namespace, start: int, step: int, caches: SimpleQueue[Path]
) -> tuple[int, int, int, str]:
    """In its own process, with its own cache of object code, which is emptied afterwards."""
    count = min(step, options.first + options.count - start)
    cache = caches.get()
    command = [sys.executable, "-m", "tests.vgpu.differential", f"--seed={options.seed}", f"--first={start}",
               f"--count={count}", f"--together={options.together}", "--jobs=0", *["--avx2"] * options.avx2]  # fmt: skip
    done = subprocess.run(command, env={**os.environ, "FUSEPROOF_CACHE": str(cache)}, capture_output=True, text=True)
    shutil.rmtree(cache / "objects", ignore_errors=True)
    caches.put(cache)
    return start, count, done.returncode, done.stdout + (done.stderr if done.returncode not in (0, 1) else "")


def _one_chunk(options: argparse.Namespace) -> int:
    from tests.vgpu.differential.cases import case, group
    from tests.vgpu.differential.compare import disagreement, shrunk
    from tests.vgpu.differential.engines import AVX2

    target, failures = AVX2 if options.avx2 else None, 0
    for number in range(options.first, options.first + options.count, options.together):
        programs = group(options.seed, range(number, number + options.together))
        found = disagreement(case(programs), target=target)
        if found is not None:
            failures += 1
            print(f"seed {options.seed}, programs from {number}, {options.together} together: "
                  f"{shrunk(programs, target) or found}", flush=True)  # fmt: skip
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
