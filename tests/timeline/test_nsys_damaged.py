"""Files that are no whole export of Nsight Systems: one sentence each, and never a traceback."""

import os
import re
import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest

from harness.errors import FuseproofError
from harness.timeline import nsys
from harness.timeline.schema import FRAMES
from tests.timeline.nsys_exports import SCHEMAS, Story, story

FUZZED = 5000


def refused(path):
    with pytest.raises(FuseproofError) as caught:
        nsys.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def loads(path):
    """Whether the file loads, into whole frames; if not, one sentence says why."""
    try:
        timeline = nsys.load(path)
    except FuseproofError:
        refused(path)
        return False
    assert all(list(getattr(timeline, name)) == list(table) for name, table in FRAMES.items())
    return True


def long_story(kernels=2000):
    told = story()
    for index in range(kernels):
        told.kernel("filler", 10_000 + index * 10, 10_005 + index * 10, 1000 + index)
    return told


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"SQLite for", "is cut off after 10 bytes"),
        (b"SQLite format 3\0" + bytes(20), "is cut off after 36 bytes"),
        (bytes(range(7, 207)) * 40, "no SQLite database, or an encrypted one"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, content, says):
    path = tmp_path / "run.sqlite"
    path.write_bytes(content)
    assert says in refused(path)


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path):
    assert "No such file" in refused(tmp_path / "none.sqlite")
    assert "directory" in refused(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    path = story().write(tmp_path / "run.sqlite")
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_another_programs_database_is_named_by_its_tables(tmp_path):
    path = tmp_path / "history.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE urls (id)")
    connection.close()
    assert "no export of Nsight Systems: it holds urls" in refused(path)


def test_a_database_without_its_write_ahead_log_says_what_is_missing(tmp_path):
    path = tmp_path / "run.sqlite"
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE StringIds (id, value)")
    alone = tmp_path / "alone.sqlite"
    shutil.copy(path, alone)
    writer.close()
    assert "alone.sqlite-wal" in refused(alone)


def test_an_export_that_was_interrupted_says_so(tmp_path):
    path = story().write(tmp_path / "run.sqlite")
    Path(f"{path}-journal").write_bytes(b"\xd9\xd5\x05\xf9 \xa1c\xd7")
    assert "is not finished" in refused(path)


def test_a_file_that_is_cut_off_gives_what_is_there_and_says_how_much(tmp_path):
    path = long_story().write(tmp_path / "run.sqlite")
    whole = nsys.load(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    half = nsys.load(path)
    assert 0 < len(half.operations) < len(whole.operations)
    kept = whole.operations.iloc[: len(half.operations)]
    assert half.operations["start"].tolist() == kept["start"].tolist()
    (finding,) = [each for each in half.findings if each.name == "truncated"]
    read = sum(len(getattr(half, name)) for name in FRAMES)
    assert (
        f"{len(content) // 2:,} of {len(content):,} bytes are there, {read:,} events could be read" in finding.sentence
    )


def test_a_file_of_which_nothing_is_left_says_how_much_is_there(tmp_path):
    path = long_story().write(tmp_path / "run.sqlite")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:2000])
    assert f"2,000 of {size:,} bytes are there" in refused(path)


def test_a_page_that_is_overwritten_names_its_table(tmp_path):
    path = long_story().write(tmp_path / "run.sqlite")
    content = bytearray(path.read_bytes())
    page = content.index(b"CREATE TABLE") and _a_leaf(path)
    content[page : page + 4096] = bytes(4096)
    path.write_bytes(content)
    assert re.search(r"is damaged: table CUPTI_ACTIVITY_KIND_KERNEL cannot be read behind [\d,]+ rows", refused(path))


def _a_leaf(path):
    """Where the last page of kernels starts: the fillers fill the end of their table."""
    content = path.read_bytes()
    pages = [at for at in range(4096, len(content), 4096) if content[at] == 13]
    return pages[len(pages) // 2]


def _flipped(content, random):
    changed = bytearray(content)
    for _ in range(random.randint(1, 12)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return changed


def _header_flipped(content, random):
    changed = bytearray(content)
    for _ in range(random.randint(1, 3)):
        changed[random.randrange(100)] = random.randrange(256)
    return changed


def _cut(content, random):
    return content[: random.randrange(len(content))]


def _swapped_pages(content, random):
    pages = [content[at : at + 512] for at in range(0, len(content), 512)]
    one, other = random.randrange(1, len(pages)), random.randrange(1, len(pages))
    pages[one], pages[other] = pages[other], pages[one]
    return b"".join(pages)


def _zeroed(content, random):
    start = random.randrange(len(content))
    return content[:start] + bytes(min(random.randrange(2000), len(content) - start)) + content[start + 2000 :]


def _schema_flipped(content, random):
    """Keywords and names of the CREATE TABLE statements change: tables and columns that nobody knows."""
    changed = bytearray(content)
    word = random.choice([b"INTEGER", b"CREATE", b"start", b"StringIds", b"CUPTI", b"globalPid", b"eventType", b"TEXT"])
    places = [found.start() for found in re.finditer(word, content)]
    for place in random.sample(places, min(len(places), random.randint(1, 6))):
        changed[place + random.randrange(len(word))] = random.choice(b"abcXYZ_ ,()\0")
    return changed


DAMAGES = (_flipped, _flipped, _header_flipped, _cut, _swapped_pages, _zeroed, _schema_flipped)


def _small_stories(folder):
    """Exports of a few tables and pages each, of every schema."""
    parts = (
        ("StringIds", "CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_RUNTIME"),
        ("StringIds", "NVTX_EVENTS", "ThreadNames"),
        ("CUPTI_ACTIVITY_KIND_MEMCPY", "CUPTI_ACTIVITY_KIND_MEMSET", "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"),
        ("StringIds", "PROFILER_OVERHEAD", "TARGET_INFO_GPU", "META_DATA_EXPORT", "ANALYSIS_DETAILS"),
    )
    files = []
    for schema, tables in SCHEMAS.items():
        for index, part in enumerate(parts):
            path = folder / f"{schema}-{index}.sqlite"
            story().write(path, schema, page_size=512, without=set(tables) - set(part))
            files.append(path.read_bytes())
    return files


def test_no_damage_ends_in_a_traceback(tmp_path):
    random = Random(4)
    contents = _small_stories(tmp_path)
    loaded = 0
    for index in range(FUZZED):
        path = tmp_path / f"{index % 50}.sqlite"
        path.write_bytes(DAMAGES[index % len(DAMAGES)](contents[index % len(contents)], random))
        loaded += loads(path)
    assert 0 < loaded < FUZZED


_ODD = (None, "", "text", "123", b"\xff\xfe", 1.5, 1e308, -1, 0, (1 << 63) - 1, -(1 << 63), 1 << 40, "NaN")


def test_no_value_of_any_type_ends_in_a_traceback(tmp_path):
    """SQLite keeps what it is given: any column may hold text, blobs, reals or NULL."""
    random = Random(4)
    for index in range(300):
        told = story()
        odd = Story()
        for table, listed in told.rows.items():
            for row in listed:
                odd.add(
                    table, **{key: random.choice(_ODD) if random.random() < 0.2 else each for key, each in row.items()}
                )
        path = tmp_path / f"{index % 10}.sqlite"
        path.unlink(missing_ok=True)
        loads(odd.write(path, random.choice(list(SCHEMAS)), page_size=512))
