"""Ranges from C++, in a library with NVTX's own headers compiled in."""

import pytest

from tests.timeline.injection.cpp import built, headers

CALL = """
import ctypes
enable()
library = ctypes.CDLL({library!r})
with record() as recording:
    library.{call}
show(recording, threads=recording.thread_names, main=threading.get_native_id())
"""


@pytest.fixture(scope="module")
def library():
    if not headers():
        pytest.skip("there are no NVTX headers: install nvidia-nvtx (it is in fuseproof[test])")
    return built()


@pytest.fixture(scope="module")
def shown(program, library):
    return program(CALL.format(library=library, call="everything()"))


def test_messages_of_every_type_arrive(shown):
    expected = ["push ex", "push a", "push wide ε 🚀", "mark a", "mark w", "start ex", "start a", "start w"]
    expected += ["registered a", "registered w", "uint64", "int64", "double", "uint32", "int32", "float"]
    assert sorted(shown.ranges["name"]) == sorted([*expected, "push ex"])  # as a range and as a mark


def test_every_range_is_closed(shown):
    assert (shown.ranges["end"] >= shown.ranges["start"]).all()
    assert shown.findings == {}


def test_attributes_arrive(shown):
    row = shown.ranges.iloc[0]
    assert (row["name"], row["color"], row["category"], row["domain"]) == ("push ex", 0xFF112233, "four", "")


def test_categories_belong_to_their_domain(shown):
    by_name = shown.ranges.set_index("name")["category"]
    assert by_name["start ex"] == "fünf"
    assert (by_name["registered a"], by_name["registered w"]) == ("another four", "another fünf")


def test_a_domain_that_is_created_twice_is_one(shown):
    assert shown.named["registered a"]["domain"] == "engine"
    assert shown.named["registered a"]["end"] <= shown.named["registered w"]["end"]


def test_a_range_ends_on_another_thread(shown):
    row = shown.named["start ex"]
    assert row["thread"] == shown.main != row["end_thread"]


def test_payloads_of_every_type_arrive(shown):
    payloads = shown.ranges.set_index("name")["payload"]
    assert payloads[["uint64", "int64", "uint32", "int32"]].tolist() == [
        str(2**64 - 1),
        str(-(2**63)),
        "4294967295",
        "-5",
    ]
    assert payloads[["double", "float"]].tolist() == ["0.1", "0.1"]


def test_threads_have_their_names(shown):
    assert shown.threads == {str(shown.main): "main loop"}


def test_odd_arguments_do_no_harm(program, library):
    shown = program(CALL.format(library=library, call="odd()"))
    assert sorted(shown.ranges["name"], key=len) == ["", "", "", "", "\ufffd\ufffd", "x" * 4096]
    assert set(shown.findings) == {"NVTX messages cut"}


def test_eight_threads_of_cpp_lose_nothing(program, library):
    shown = program(CALL.format(library=library, call="many_at_once(8, 5000)"))
    assert (shown.ranges.groupby("thread").size() == 5000).all()
    assert shown.ranges["thread"].nunique() == 8
    assert shown.findings == {}


def test_two_modules_are_heard_at_once(program, library):
    code = CALL.format(library=library, call="many(3)").replace("library.many", "nvtx.mark('python'); library.many")
    shown = program(f"import nvtx\n{code}")
    assert shown.ranges["name"].tolist() == ["python", "work", "work", "work"]
