"""A mutant's copy of the sources."""

from harness.mutation.overlay import Overlay


def test_the_changed_file_is_new_and_all_others_are_copies_in_their_places(tmp_path):
    source, header = tmp_path / "in" / "area" / "a.cu", tmp_path / "in" / "cuda" / "h.cuh"
    for path in (source, header):
        path.parent.mkdir(parents=True)
        path.write_text(f"// {path.name}\n")
    overlay = Overlay(tmp_path / "out", [source, header], {header: "// changed\n"})
    assert overlay[header].read_text() == "// changed\n"
    assert overlay[source].read_text() == "// a.cu\n"
    assert (overlay[source].parent / "../cuda/h.cuh").resolve() == overlay[header]


def test_originals_stay_as_they_are(tmp_path):
    source = tmp_path / "in" / "a.cu"
    source.parent.mkdir()
    source.write_text("// a\n")
    Overlay(tmp_path / "out", [source], {source: "// changed\n"})
    assert source.read_text() == "// a\n"
