"""Tables of counters, in every format: made of counters that were written down."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from harness.counted import Kernel, Run
from harness.resources import Resources
from harness.timeline.figures import figures
from harness.timeline.overview import overview
from harness.vgpu.counters.record import Counters, LineCounters, LongestWarp
from harness.vgpu.occupancy import Occupancy
from harness.vgpu.ptx.program import SourceLine
from reports.counters import records, tables
from reports.timeline import csv as as_csv
from reports.timeline import json as as_json
from reports.timeline import markdown, terminal
from tests.timeline.traces import annotation, call, kernel, trace

TILE = LineCounters(SourceLine("/gone/turn.cu", 14), instructions=8, thread_instructions=256, sectors=32, ideal_sectors=4,
                    wavefronts=32, ideal_wavefronts=1)  # fmt: skip
COUNTERS = Counters(
    blocks=4, warps=8, instructions={"int": 100, "tensor": 4}, thread_instructions={"int": 1600, "tensor": 128},
    load_requests=8, sectors_read=256, ideal_sectors_read=32, l2_read_bytes=4096, dram_read_bytes=1024,
    shared_load_requests=1, shared_load_wavefronts=32, shared_load_ideal_wavefronts=1, tensor_flops={"f16": 16384},
    longest=LongestWarp(instructions=20), lines=(TILE,),
)  # fmt: skip
TURN = Kernel("turn", "_Z4turn", 1, (4, 1, 1), (64, 1, 1), 40, 4096, COUNTERS, Resources("sm_75", 40, 0, 8, 16, 4096),
              Occupancy(16, 2, "blocks"), 0.5, 0.25)  # fmt: skip
RUN = Run("turn[fp32]", "vgpu:T4", "Tesla T4", (TURN,), 2048)
OVERVIEW = overview(figures(trace(annotation("turn fused", 0, 50), call(1, 1), kernel(10, 1, name="turn"))))


def rows(run):
    return {row[0]: row[1:] for table in tables.tables(run)[:2] for row in table.rows}


def notes(run):
    return [note for table in tables.tables(run) for note in table.notes]


def printed(run):
    console = Console(width=140, file=io.StringIO(), color_system=None)
    console.print(terminal.renderable(OVERVIEW, run))
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("sector efficiency, %", "12.5"), ("sectors a load request", "32"), ("L1 hits, %", "50.0"),
        ("conflict-free wavefronts, %", "3.1"), ("active lanes, %", "51.9"), ("occupancy, %", "50.0"),
        ("occupancy is limited by", "blocks"), ("waves", "0.25"), ("registers a thread", "40"),
        ("spilled, B a thread", "24"), ("sectors read", "256"), ("their wavefronts", "32"), ("DRAM read, B", "1,024"),
        ("int instructions", "100"), ("f16 tensor flop", "16,384"), ("longest warp, instructions", "20"),
    ],
)  # fmt: skip
def test_every_figure_has_a_row(name, cell):
    assert rows(RUN)[name] == (cell,)


def test_rows_that_say_nothing_are_left_out():
    assert not {"sectors a store request", "atomics", "local load requests", "barriers"} & rows(RUN).keys()


def test_every_table_says_that_it_was_counted():
    assert all("counted" in table.title for table in tables.tables(RUN))


def test_traffic_stands_below_with_what_it_is_compared_to():
    assert "traffic ÷ compulsory traffic: DRAM 0.5, L2 2; inputs read and outputs written once are 2,048 B" in notes(
        RUN
    )
    withheld = replace(RUN, compulsory_bytes=None, withheld="outputs lie in inputs")
    assert "traffic ÷ compulsory traffic is withheld: outputs lie in inputs" in notes(withheld)


def test_a_sample_is_labelled_below_every_table():
    sampled = replace(RUN, kernels=(replace(TURN, counters=replace(COUNTERS, sampled_blocks=3)),))
    label = "turn: sampled 3 of 4 blocks, figures are scaled up"
    assert all(label in table.notes for table in tables.tables(sampled))
    assert printed(sampled).count(label) == markdown.render(OVERVIEW, sampled).count(label) == 3
    (kernel,) = records.document(sampled)["kernels"]
    assert (kernel["counters"]["sampled_blocks"], kernel["counters"]["blocks"]) == (3, 4)


def test_lines_show_their_conflicts():
    assert tables.tables(RUN)[2].rows == (("turn.cu:14", "", "100.0", "8", "32", "12.5", "31"),)


def test_many_kernels_stand_in_several_tables():
    many = replace(RUN, kernels=tuple(replace(TURN, name=f"turn{number}") for number in range(6)))
    made = tables.tables(many)
    assert [table.headings[1:] for table in made[:2]] == [("turn0", "turn1", "turn2", "turn3"), ("turn4", "turn5")]
    assert len(made) == 2 + 2 + 6


def test_a_run_without_kernels_has_no_table():
    assert tables.tables(replace(RUN, kernels=())) == []


def test_no_figure_is_cut_on_a_terminal():
    lines = printed(RUN).splitlines()
    assert max(map(len, lines)) <= 140
    assert any("turn.cu:14" in line and line.rstrip(" │").endswith("31") for line in lines)


def test_json_has_every_counter_and_line():
    found = json.loads(as_json.render(OVERVIEW, RUN))["counters"]
    assert (found["source"], found["dram_traffic"], found["l2_traffic"]) == ("counted", 0.5, 2)
    (kernel,) = found["kernels"]
    assert kernel["efficiency"]["sector_read"] == 0.125
    assert kernel["resources"]["spill_load_bytes"] == 16
    assert kernel["occupancy"]["limit"] == "blocks"
    assert kernel["counters"]["tensor_flops"] == {"f16": 16384}
    assert (kernel["lines"][0]["file"], kernel["lines"][0]["number"]) == ("/gone/turn.cu", 14)


def test_csv_has_a_row_a_kernel_and_a_row_a_line():
    found = list(csv.DictReader(io.StringIO(as_csv.render(OVERVIEW, RUN))))
    (kernel,) = (row for row in found if row["table"] == "counters")
    (line,) = (row for row in found if row["table"] == "line")
    assert (kernel["kernel"], kernel["counters_sectors_read"], kernel["source"]) == ("turn", "256", "counted")
    assert kernel["counters_instructions_tensor"] == "4"
    assert (line["line"], line["sectors"], line["kernel"]) == ("turn.cu:14", "32", "turn")


def test_reports_without_counters_are_as_they_were():
    assert "counters" not in json.loads(as_json.render(OVERVIEW))
    assert "counted" not in markdown.render(OVERVIEW)
