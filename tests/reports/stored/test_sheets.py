"""The tables of a stored run: which rows, which figures, and what they say of themselves."""

from dataclasses import replace

import pandas as pd

from reports.stored.sheets import sheets
from tests.reports.stored.runs import ALONE, RUN, case, kernel, without_counts, without_profiles


def sheet(name, run=RUN):
    return next(each for each in sheets(run) if each.name == name)


def launches(run=RUN):
    return sheet("launches", run).tables["launches"]


def kernels(run=RUN):
    return sheet("kernels", run).tables["kernels"]


def test_speedups_and_variants_have_a_table_a_suite():
    assert list(sheet("speedups").tables) == ["speedups-encoder_layer", "variants-encoder_layer", "speedups-bias_gelu"]
    table = sheet("speedups").tables["speedups-encoder_layer"]
    assert table.title == "encoder_layer on vgpu:T4, Tesla T4 (virtual), seed 0, times modelled"
    assert table.rows[0][:7] == ("fp16-b1-s32", "fp16", "yes", "0.001", "17 → 8", "20.0 → 10.0", "2.00x")
    variants = sheet("speedups").tables["variants-encoder_layer"]
    assert [row[1] for row in variants.rows] == ["naive eager", "fused", "fused, CUDA graph"]
    assert "times modelled" in variants.title


def test_a_case_that_failed_says_why_below_its_table():
    notes = sheet("speedups").tables["speedups-bias_gelu"].notes
    assert notes[0].startswith("1 of 2 cases equal")
    assert "bias_gelu[fp32-b9] failed: output: the largest error is 3, allowed 0.1" in notes


def test_modelled_speedups_state_the_error_of_the_model_and_measured_ones_none():
    assert "model's error" in sheet("speedups").notes[0]
    assert sheet("speedups", replace(RUN, source="measured")).notes == ()


def test_launches_stand_beside_their_budget_and_the_originals():
    table = launches()
    assert table.title == "Launches on vgpu:T4, Tesla T4 (virtual), fp16 and fp32, counted"
    assert table.headings == ("case", "naive → fused", "budget", "FasterTransformer", "TensorFlow", "XLA")
    assert table.rows == (
        ("encoder_layer[fp16-b1-s32]", "17 → 8", "8", "14", "about 50", "about 24"),
        ("bias_gelu[fp32-b8]", "2 → 1", "1", "-", "-", "-"),
    )


def test_each_original_names_its_source():
    notes = "\n".join(launches().notes)
    assert "FasterTransformer: 14 an encoder layer, 8 GEMMs and 6 kernels (docs/bert_guide.md of" in notes
    assert "XLA: about 24 an encoder layer (handed down" in notes
    assert notes.count("FasterTransformer: ") == 1


def test_without_originals_there_are_no_columns_of_them():
    alone = replace(RUN, results=RUN.results[1:])
    assert launches(alone).headings == ("case", "naive → fused", "budget")


def test_naive_launches_by_rule_are_said_to_be_so_on_the_vgpu_alone():
    assert "by rule" in launches().notes[0]
    assert not any("by rule" in note for note in launches(replace(RUN, source="measured")).notes)


def test_launches_beyond_their_budget_and_absent_budgets_are_named():
    off = case("norm", "fp16-b1", "fp16", 5, 2, launch_budget=1), case("norm", "fp16-b2", "fp16", 5, 2)
    table = launches(replace(RUN, results=off))
    assert [row[2] for row in table.rows] == ["1", "-"]
    assert "not what the suite asserts: norm[fp16-b1]" in table.notes
    assert "no budget: 1 of 2 cases, whose suites assert none or whose run is an older one" in table.notes


def test_a_run_without_profiles_has_a_sentence_instead_of_launches():
    made = sheet("launches", without_profiles())
    assert made.tables == {}
    assert made.notes == (
        "No launches: this run holds no profiles of cases that are equal; fuseproof run takes them, check does not.",
    )


def test_kernels_stand_below_their_suite_and_case():
    table = kernels()
    assert table.title == "What the kernels move, on vgpu:T4, Tesla T4 (virtual), fp16 and fp32, counted"
    assert table.rows == (
        ("encoder_layer", *[""] * 7),
        ("fp16-b1-s32", "1 \N{MULTIPLICATION SIGN} fused_attention", "100.0", "1,024", "withheld", "99.9", "45", "0"),
        ("", "2 \N{MULTIPLICATION SIGN} bias_residual_layer_norm", "100.0", "2,024", "", "100.0", "45", "0"),
        ("", "1 \N{MULTIPLICATION SIGN} bias_gelu", "97.3", "1,024", "", "-", "45", "24"),
        ("bias_gelu", *[""] * 7),
        ("fp32-b8", "1 \N{MULTIPLICATION SIGN} bias_gelu", "100.0", "1,024", "1.024", "-", "45", "-"),
    )


def test_shares_are_rounded_down_and_exact_ones_are_not():
    wavefronts = {"wavefronts": 10**6, "ideal_wavefronts": 10**6 - 1}
    made = [kernel("some", sectors=1000, ideal_sectors=ideal, **wavefronts) for ideal in range(1, 1001)]
    alone = case("bias_gelu", "fp32-b8", "fp32", 2, 1, counts=replace(ALONE, kernels=tuple(made)))
    rows = kernels(replace(RUN, results=(alone,))).rows[1:]
    assert [row[2] for row in rows] == [f"{ideal / 10:.1f}" for ideal in range(1, 1001)]
    assert {row[5] for row in rows} == {"99.9"}


def test_what_is_withheld_and_what_was_not_counted_is_said_with_its_reason():
    notes = kernels().notes
    assert "÷ compulsory is withheld in 1 of 2 cases: torch's own operators move a part of the data" in notes
    assert "not counted: 1 of 3 cases" in notes


def test_sampled_figures_say_of_how_many_blocks_they_are():
    sampled = replace(ALONE, kernels=(kernel("bias_gelu", sampled_blocks=64), kernel("tail")))
    table = kernels(replace(RUN, results=(case("bias_gelu", "fp32-b8", "fp32", 2, 1, counts=sampled),)))
    assert table.title.endswith("counted, some of it in a sample of blocks")
    assert table.headings[-1] == "blocks counted"
    assert [row[-1] for row in table.rows] == ["", "64 of 1,024", "all 1,024"]
    assert any(note.startswith("Where blocks are sampled, figures are scaled up to all") for note in table.notes)
    assert "sample" not in "".join((kernels().title, *kernels().headings, *kernels().notes))


def test_a_run_without_counters_has_a_sentence_with_the_way_out():
    assert sheet("kernels", without_counts()).tables == {}
    assert sheet("kernels", without_counts()).notes == (
        "No counters: this run holds none; fuseproof run --counters takes them.",
    )
    assert "Nsight Compute" in sheet("kernels", replace(without_counts(), source="measured")).notes[0]


def test_functions_that_launch_nothing_through_pycuda_are_said_to():
    empty = case("relu", "fp16-b1", "fp16", 1, 1, counts=replace(ALONE, kernels=()))
    assert sheet("kernels", replace(RUN, results=(empty,))).notes == (
        "No kernels were counted: those that were counted for launched none through PyCUDA.",
    )
    assert (
        "1 of 3 cases launched no kernel through PyCUDA" in kernels(replace(RUN, results=(*RUN.results, empty))).notes
    )


def test_frames_hold_every_figure_with_device_dtype_and_source():
    for name, source in (("speedups", "modelled"), ("launches", "counted"), ("kernels", "counted")):
        frame = sheet(name).frame
        assert set(frame["device"]) == {"vgpu:T4"}
        assert set(frame["source"]) == {source}
        assert {"suite", "case", "dtype"} <= set(frame)
    row = sheet("kernels").frame.iloc[0]
    assert (row["name"], row["launches"], row["grid"], row["block"]) == ("fused_attention", 1, "3x32x1", "128x1x1")
    assert (row["conflict_free"], row["sector_efficiency"], row["dram_bytes"]) == (2999 / 3000, 1, 1024)
    assert (row["function_dram_bytes"], row["withheld"]) == (4072, "torch's own operators move a part of the data")
    assert sheet("kernels").frame["traffic"].iloc[-1] == 1.024


def test_a_frame_of_launches_has_the_originals_with_their_sources():
    layer, alone = sheet("launches").frame.to_dict("records")
    assert (layer["reference_launches"], layer["fused_launches"], layer["launch_budget"]) == (17, 8, 8)
    assert (layer["FasterTransformer"], layer["XLA"]) == (14, 24)
    assert "bert_guide" in layer["FasterTransformer_source"]
    assert pd.isna(alone["FasterTransformer"])
    assert pd.isna(alone["FasterTransformer_source"])


def test_without_figures_a_frame_has_the_same_columns_and_no_rows():
    assert list(sheet("kernels", without_counts()).frame) == list(sheet("kernels").frame)
    assert len(sheet("kernels", without_counts()).frame) == 0
    empty = sheet("launches", without_profiles()).frame
    assert list(empty) == [name for name in sheet("launches").frame if name in empty]
