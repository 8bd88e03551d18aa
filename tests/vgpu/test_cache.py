"""The cache on disk: files appear whole, count as used when read, and go when there are too many."""

import os
import threading

import pytest

from harness.vgpu import cache
from harness.vgpu.errors import VgpuError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_until_trim", 0)
    return tmp_path


def age(path, seconds):
    state = path.stat()
    os.utime(path, (state.st_atime - seconds, state.st_mtime - seconds))


def test_what_was_published_is_read_back(folder):
    cache.publish(folder / "objects" / "a.o", b"code")
    assert cache.read(folder / "objects" / "a.o") == b"code"


def test_what_is_not_there_reads_as_none(folder):
    assert cache.read(folder / "objects" / "a.o") is None


def test_beyond_the_limit_the_files_unused_for_longest_go(folder, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE_MB", "1")
    paths = [folder / "objects" / f"{number}.o" for number in range(4)]
    for number, path in enumerate(paths[:3]):
        cache.publish(path, bytes(300_000))
        age(path, 100 - number)
    assert cache.read(paths[0]) is not None  # counts as used now
    cache.publish(paths[3], bytes(300_000))
    assert [path.exists() for path in paths] == [True, False, False, True]


def test_the_whole_cache_is_looked_at_only_now_and_then(folder, monkeypatch):
    looks = []
    monkeypatch.setenv("FUSEPROOF_CACHE_MB", "50")
    monkeypatch.setattr(cache, "trim", lambda: looks.append(1))
    for number in range(8):  # 2.4 MB, a fiftieth of the limit is 1 MiB
        cache.publish(folder / "objects" / f"{number}.o", bytes(300_000))
    assert len(looks) == 2


def test_libraries_stay_whatever_the_limit(folder, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE_MB", "0")
    cache.publish(folder / "native" / "lib.so", bytes(1000))
    cache.publish(folder / "objects" / "a.o", bytes(1000))
    assert (folder / "native" / "lib.so").exists()
    assert not (folder / "objects" / "a.o").exists()


def test_a_limit_that_is_no_number_is_refused(folder, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE_MB", "two")
    with pytest.raises(VgpuError, match="FUSEPROOF_CACHE_MB='two'"):
        cache.publish(folder / "objects" / "a.o", b"")


def test_a_reader_never_sees_half_a_file(folder):
    path, seen = folder / "objects" / "a.o", set()
    contents = {bytes([n]) * 200_000 for n in range(8)}
    writers = [threading.Thread(target=lambda c=c: [cache.publish(path, c) for _ in range(10)]) for c in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.add(cache.read(path))
    for writer in writers:
        writer.join()
    assert seen - {None} <= contents
