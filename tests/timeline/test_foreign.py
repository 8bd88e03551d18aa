"""Files that are no trace are named for what they are, with what to do."""

import gzip

import pytest

from harness.errors import FuseproofError
from harness.timeline import load
from tests.timeline.traces import kernel, text

FILES = {
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(20), "is compressed with zstd: unpack it first"),
    "zip": (b"PK\x03\x04" + bytes(20), "is a zip archive: unpack it first"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "is an HDF5 export: export the report with nsys export --type sqlite"),
    "arrow": (b"ARROW1\0\0", "is an Arrow export: export the report with nsys export --type sqlite"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a pointer of Git LFS"),
    "packed": (gzip.compress(b"SQLite format 3\0" + bytes(200), mtime=0), "is an SQLite database compressed with gzip"),
    "packed twice": (gzip.compress(gzip.compress(b"{}"), mtime=0), "is compressed with gzip twice: unpack it once"),
    "cut off": (b"SQLite for", "is cut off after 10 bytes: export the report again with nsys export --type sqlite"),
    "picture": (b"\x89PNG\r\n\x1a\n", "it is no JSON; traces of torch.profiler and SQLite exports of Nsight Systems are read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_another_kind_is_one_sentence_with_the_way_out(kind, tmp_path):
    content, sentence = FILES[kind]
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FuseproofError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path} ")
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_gzipped_trace_is_none_of_them(tmp_path):
    path = tmp_path / "trace.json.gz"
    path.write_bytes(gzip.compress(text(kernel(1, 1)).encode()))
    assert len(load(path).operations) == 1
