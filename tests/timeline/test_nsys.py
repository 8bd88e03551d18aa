"""Importing exports of Nsight Systems: every schema alike, and what a file says that older ones do not."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from harness.timeline import nsys
from harness.timeline.figures import figures
from harness.timeline.schema import FRAMES, UNKNOWN
from tests.timeline.nsys_exports import FIRST, SCHEMAS, SECOND, Story, story

DATA = Path(__file__).parent / "data"


@pytest.fixture(params=SCHEMAS)
def imported(request, tmp_path):
    return nsys.load(story().write(tmp_path / "run.sqlite", request.param))


def written(tmp_path, told, schema="3.25", **options):
    return nsys.load(told.write(tmp_path / "run.sqlite", schema, **options))


def rows(frame, *columns):
    return list(frame[list(columns)].itertuples(index=False, name=None))


def found(timeline):
    return {finding.name: finding.count for finding in timeline.findings}


def union(intervals):
    """Length of a union, interval by interval."""
    covered, reached = 0, None
    for start, end in sorted(intervals):
        covered += max(0, end - (start if reached is None else max(start, reached)))
        reached = end if reached is None else max(reached, end)
    return covered


def test_every_schema_gives_the_same_operations(imported):
    assert rows(imported.operations, "kind", "name", "start", "end", "device", "stream", "process", "correlation") == [
        ("kernel", "void gelu<float>(float*)", 1500, 2500, 0, 7, FIRST, 1),
        ("kernel", "norm", 2400, 3000, 0, 8, FIRST, 2),
        ("kernel", "norm", 1600, 1700, 1, 7, SECOND, 1),
        ("kernel", "lost<int>", 4700, 4800, 0, 7, FIRST, 99),
        ("memcpy", "Memcpy HtoD (Pageable -> Device)", 3500, 4500, 0, 7, FIRST, 3),
        ("memset", "Memset (Device)", 4500, 4600, 0, 7, FIRST, 4),
    ]


def test_every_schema_gives_the_shape_of_a_kernel(imported):
    first = imported.operations.iloc[0]
    shape = [first[f"{what}_{axis}"] for what in ("grid", "block") for axis in "xyz"]
    assert shape == [4, 3, 2, 128, 1, 1]
    assert (first["registers"], first["shared_bytes"], first["bytes"], first["graph"]) == (32, 1040, UNKNOWN, UNKNOWN)


def test_calls_of_runtime_and_driver_are_told_apart(imported):
    assert rows(imported.calls, "name", "api", "process", "thread", "correlation") == [
        ("cudaLaunchKernel", "runtime", FIRST, FIRST, 1),
        ("cuLaunchKernel", "driver", FIRST, 112, 2),
        ("cudaLaunchKernel", "runtime", SECOND, SECOND, 1),
        ("cudaMemcpyAsync", "runtime", FIRST, FIRST, 3),
        ("cudaMemsetAsync", "runtime", FIRST, FIRST, 4),
        ("cudaStreamSynchronize", "runtime", FIRST, FIRST, 5),
    ]


def test_ranges_have_domain_category_payload_and_threads(imported):
    columns = ("name", "domain", "category", "payload", "start", "end", "process", "thread", "end_thread", "kind")
    assert rows(imported.ranges, *columns) == [
        ("step", "", "", "", 900, 4950, FIRST, FIRST, FIRST, "push/pop"),
        ("layer", "fuseproof", "forward", "-3", 950, 3050, FIRST, FIRST, FIRST, "push/pop"),
        ("step", "other", "", "0.1", 1000, 2000, SECOND, SECOND, SECOND, "push/pop"),
        ("registered", "", "", "18446744073709551615", 1190, 1310, FIRST, 112, 112, "push/pop"),
        ("async", "", "", "", 980, 3600, FIRST, FIRST, 112, "start/end"),
        ("mark", "", "", "", 1234, 1234, FIRST, FIRST, FIRST, "mark"),
        ("open", "", "", "", 4960, UNKNOWN, FIRST, FIRST, UNKNOWN, "push/pop"),
    ]
    assert imported.ranges["color"].tolist() == [0xFF00FF00, *[UNKNOWN] * 6]


def test_a_range_owns_the_launches_of_its_own_process_and_thread_only(imported):
    told = figures(imported)
    names = imported.ranges["name"]
    kernels = {name: imported.operations["start"][told.launched_in([row])].tolist() for row, name in enumerate(names)}
    assert (kernels["layer"], kernels["registered"]) == ([1500], [2400])


def test_a_sync_is_what_its_call_says(imported):
    wait = rows(imported.syncs, "kind", "start", "end", "thread", "device", "correlation")
    assert wait == [("stream", 4010, 4890, FIRST, 0, 5)]


def test_overheads_gpus_and_names_are_read(imported):
    assert rows(imported.overheads, "name", "start", "end", "thread") == [("CUPTI Buffer flush", 10, 20, FIRST)]
    assert imported.source.devices == {0: "NVIDIA H100", 1: "NVIDIA A100"}
    assert imported.source.threads == {(FIRST, FIRST): "pt_main_thread"}
    assert imported.source.details["Nsight Systems"] == "2026.2.1.210"


def test_processes_and_the_window_are_read_where_the_schema_has_them(tmp_path):
    source = written(tmp_path, story()).source
    assert (source.processes, source.window, source.clock) == ({FIRST: "python3"}, (0, 100_000), "session")


def test_a_normalised_export_is_on_the_unix_clock(tmp_path):
    told = story()
    told.add("META_DATA_EXPORT", name="EXPORT_PARAM_TIME_NORMALIZE", value="true")
    told.add("TARGET_INFO_SESSION_START_TIME", utcEpochNs=1_779_630_014_975_716_426)
    source = written(tmp_path, told).source
    assert (source.clock, source.window[0]) == ("unix", 1_779_630_014_975_716_426)


def test_without_process_ids_of_operations_the_call_says_whose_they_are(tmp_path):
    told = Story()
    told.call("cudaLaunchKernel_v7000", 1, 2, 1)
    told.call("cudaLaunchKernel_v7000", 1, 2, 2)
    told.call("cudaLaunchKernel_v7000", 1, 2, 2, process=SECOND)
    told.kernel("a", 3, 4, 1)
    told.kernel("b", 5, 6, 2)
    timeline = written(tmp_path, told, "2.9", without=["CUPTI_ACTIVITY_KIND_KERNEL.globalPid"])
    assert timeline.operations["process"].tolist() == [FIRST, UNKNOWN]
    assert found(timeline) == {"unclear process": 1}


def test_without_event_classes_names_tell_the_driver(tmp_path):
    timeline = written(tmp_path, story(), without=["CUPTI_ACTIVITY_KIND_RUNTIME.eventClass"])
    assert timeline.calls["api"].tolist() == ["runtime", "driver", *["runtime"] * 4]


def test_a_whole_graph_is_one_row_whose_launches_are_withheld(tmp_path):
    told = Story()
    told.call("cudaGraphLaunch_v10000", 1000, 1100, 1)
    told.graph(1200, 1300, 1, graph=6)
    told.range("step", 900, 1150)
    timeline = written(tmp_path, told)
    assert rows(timeline.operations, "kind", "name", "graph", "graph_node") == [("kernel", "CUDA graph 6", 6, UNKNOWN)]
    assert "without their nodes" in figures(timeline).ranges["withheld"][0]


def test_nodes_of_a_graph_share_their_launch(tmp_path):
    told = Story()
    told.call("cudaGraphLaunch_v10000", 1000, 1100, 1)
    told.kernel("a", 1200, 1300, 1, graphNodeId=(3 << 32) + 1)
    told.kernel("b", 1300, 1400, 1, graphNodeId=(3 << 32) + 2, graphId=4)
    operations = written(tmp_path, told).operations
    assert rows(operations, "graph", "graph_node") == [(3, (3 << 32) + 1), (4, (3 << 32) + 2)]


def test_pages_that_move_on_a_fault_are_counted(tmp_path):
    told = Story()
    told.call("cudaLaunchKernel_v7000", 1, 2, 1)
    told.copy(10, 20, None, kind=11)
    assert found(written(tmp_path, told)) == {"unified memory": 1}


def test_an_export_without_gpu_work_says_how_to_profile(tmp_path):
    told = Story()
    told.range("step", 1, 2)
    timeline = written(tmp_path, told)
    assert "--trace=cuda" in timeline.findings[0].sentence


def test_kernels_without_calls_say_so(tmp_path):
    told = Story()
    told.kernel("a", 1, 2, 1)
    assert found(written(tmp_path, told)) == {"no calls": 1}


@pytest.mark.parametrize("table", SCHEMAS["3.25"])
def test_any_table_may_be_missing(tmp_path, table):
    timeline = written(tmp_path, story(), without=[table])
    assert len(timeline.operations) + len(timeline.calls) + len(timeline.ranges)


@pytest.mark.parametrize("schema", ["2.9", "3.25"])
def test_any_column_may_be_missing(tmp_path, schema):
    columns = [f"{table}.{name}" for table, listed in SCHEMAS[schema].items() for name in listed.split()]
    for index, column in enumerate(columns):
        timeline = nsys.load(story().write(tmp_path / f"{index}.sqlite", schema, without=[column]))
        assert all(list(getattr(timeline, name)) == list(table) for name, table in FRAMES.items())


def test_rows_without_times_are_left_out_and_counted(tmp_path):
    told = story()
    told.kernel("broken", "soon", 5, 1)
    told.kernel("broken", 1 << 62, 5, 1)
    timeline = written(tmp_path, told)
    assert (len(timeline.operations), found(timeline)["unreadable times"]) == (6, 2)


def test_an_index_does_not_change_the_order_of_rows(tmp_path):
    path = story().write(tmp_path / "run.sqlite")
    plain = nsys.load(path).ranges
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE INDEX by_type ON NVTX_EVENTS (eventType, start, end, textId)")
    connection.close()
    assert nsys.load(path).ranges.equals(plain)


def test_a_table_of_several_blocks_reads_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.timeline.sqlite_columns._BLOCK", 3)
    told = Story()
    for index in range(10):
        told.kernel("a", index * 10, index * 10 + 5, index + 1)
    assert written(tmp_path, told).operations["start"].tolist() == list(range(0, 100, 10))


def test_a_write_ahead_log_beside_the_file_is_read(tmp_path):
    path = story().write(tmp_path / "run.sqlite")
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("DELETE FROM CUPTI_ACTIVITY_KIND_MEMSET")
    writer.commit()
    there = tmp_path / "copy.sqlite"
    shutil.copy(path, there)
    assert len(nsys.load(there).operations) == 6
    shutil.copy(f"{path}-wal", f"{there}-wal")
    assert len(nsys.load(there).operations) == 5
    writer.close()


@pytest.mark.parametrize(
    ("name", "kernels", "calls", "ranges"),
    [("nsysai_h100_2gpu_1s.sqlite", 3442, 5796, 16782), ("nsysai_mock.sqlite", 2, 9, 0)],
)
def test_figures_of_real_exports_agree_with_a_plain_union(name, kernels, calls, ranges):
    timeline = nsys.load(DATA / name)
    assert (timeline.operations["kind"] == "kernel").sum() == kernels
    assert (len(timeline.calls), len(timeline.ranges)) == (calls, ranges)
    devices = figures(timeline).devices.set_index("device")
    for device, intervals in _plain_intervals(DATA / name).items():
        told = devices.loc[device]
        first, last = min(start for start, _ in intervals), max(end for _, end in intervals)
        busy = union(intervals)
        assert (told["window_ns"], told["busy_ns"], told["idle_ns"]) == (last - first, busy, last - first - busy)


def _plain_intervals(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    intervals = {}
    for kind in ("KERNEL", "MEMCPY", "MEMSET"):
        if f"CUPTI_ACTIVITY_KIND_{kind}" in tables:
            for device, *times in connection.execute(f"SELECT deviceId, start, end FROM CUPTI_ACTIVITY_KIND_{kind}"):
                intervals.setdefault(device, []).append(tuple(times))
    connection.close()
    return intervals


def test_processes_of_a_real_export_whose_correlation_ids_collide_stay_apart():
    timeline = nsys.load(DATA / "nsysai_h100_2gpu_1s.sqlite")
    told = figures(timeline).launches.call
    joined = timeline.operations[told >= 0]
    assert (joined["process"].to_numpy() == timeline.calls["process"].to_numpy()[told[told >= 0]]).all()
    assert set(rows(joined, "process", "device")) == {(111, 0), (112, 1)}
