"""Ranges of the Python package nvtx, recorded in a process of its own."""

import pytest


@pytest.fixture(scope="module")
def shown(program):
    return program("""
enable()
import nvtx

def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return thread.native_id

with record() as recording:
    with nvtx.annotate("outer", domain="io", category="reading", color=0x112233, payload=3):
        with nvtx.annotate("inner", domain="io", category=7, payload=2.5):
            pass
        nvtx.push_range("same domain, another thread", domain="io")
        other = in_thread(lambda: (nvtx.push_range("of the thread", domain="io"), nvtx.pop_range(domain="io")))
        nvtx.pop_range(domain="io")
    first = nvtx.start_range("first", domain="io")
    second = nvtx.start_range("second", domain="net")
    nvtx.end_range(first)
    closer = in_thread(lambda: nvtx.end_range(second))
    nvtx.push_range("crossing", domain="net")
    nvtx.push_range("default domain")
    nvtx.pop_range(domain="net")
    nvtx.pop_range()
    nvtx.mark("mark", domain="io", payload=[1, 2, 3])
    nvtx.push_range("never popped", domain="io")
    nvtx.pop_range(domain="nowhere pushed")
    nvtx.end_range(first)
    with nvtx.annotate("größer → 🚀"):
        pass
with nvtx.annotate("after"):
    pass
show(recording, main=threading.get_native_id(), other=other, closer=closer, process=os.getpid())
""")


def test_every_range_inside_the_block_is_there_and_none_outside(shown):
    assert len(shown.ranges) == 11
    assert "after" not in set(shown.ranges["name"])


def test_ranges_nest(shown):
    assert (
        shown.named["outer"]["start"]
        < shown.named["inner"]["start"]
        < shown.named["inner"]["end"]
        < shown.named["outer"]["end"]
    )


def test_a_range_has_its_domain_category_payload_and_color(shown):
    row = shown.named["outer"]
    assert (row["domain"], row["category"], row["payload"], row["color"]) == ("io", "reading", "3", 0x112233)


def test_a_category_without_a_name_is_its_number(shown):
    assert (shown.named["inner"]["category"], shown.named["inner"]["payload"]) == ("7", "2.5")


def test_pushes_of_two_threads_do_not_close_each_other(shown):
    row = shown.named["of the thread"]
    around = shown.named["same domain, another thread"]
    assert row["thread"] == row["end_thread"] == shown.other != shown.main
    assert around["thread"] == around["end_thread"] == shown.main
    assert around["start"] < row["start"] < row["end"] < around["end"]


def test_pushes_of_two_domains_may_cross(shown):
    crossing, other = shown.named["crossing"], shown.named["default domain"]
    assert crossing["start"] < other["start"] < crossing["end"] < other["end"]


def test_a_range_may_start_on_one_thread_and_end_on_another(shown):
    second = shown.named["second"]
    assert (second["kind"], second["thread"], second["end_thread"]) == ("start/end", shown.main, shown.closer)


def test_start_and_end_ranges_may_overlap(shown):
    assert (
        shown.named["first"]["start"]
        < shown.named["second"]["start"]
        < shown.named["first"]["end"]
        < shown.named["second"]["end"]
    )


def test_a_mark_is_a_point(shown):
    assert (shown.named["mark"]["kind"], shown.named["mark"]["start"]) == ("mark", shown.named["mark"]["end"])


def test_of_a_structured_payload_the_size_is_told(shown):
    assert shown.named["mark"]["payload"] == "32 bytes"  # a length and three int64


def test_messages_are_unicode(shown):
    assert "größer → 🚀" in set(shown.ranges["name"])


def test_rows_carry_the_process_and_measured_times(shown):
    assert set(shown.ranges["process"]) == {shown.process}
    assert shown.times == "measured"


def test_a_push_without_pop_is_open_and_found(shown):
    assert shown.named["never popped"]["end"] == -1
    count, sentence = shown.findings["NVTX ranges open"]
    assert count == 1
    assert f"'never popped' on thread {shown.main}" in sentence


def test_a_pop_without_push_is_found(shown):
    count, sentence = shown.findings["NVTX pops without push"]
    assert count == 1
    assert f"domain 'nowhere pushed' on thread {shown.main}" in sentence


def test_an_end_without_start_is_found(shown):
    assert shown.findings["NVTX ends without start"][0] == 1


def test_nothing_else_is_wrong(shown):
    assert set(shown.findings) == {"NVTX ranges open", "NVTX pops without push", "NVTX ends without start"}
