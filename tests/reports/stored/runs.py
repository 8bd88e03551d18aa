"""A stored run, made by hand: a layer of three kernels, one kernel alone, a case that failed."""

from dataclasses import replace

from harness.results.counts import Counts, KernelCounts
from harness.results.record import CaseResult, Profile, Run, Variant, Verdict

PASSED = Verdict(True, "", 0.001, 0.01, 2.0, 0.001, 0.004, 0, None)
FAILED = replace(PASSED, passed=False, reason="output: the largest error is 3, allowed 0.1\nmore")


def profile(launches, wall_us):
    return Profile("r", "modelled", launches, launches, 0, 0, 3.0, wall_us, wall_us / 2, wall_us / 4, 2, 1.0, 64, ())


def case(suite, name, dtype, naive, fused, **more):
    return CaseResult(
        suite, name, {"dtype": dtype}, dtype, 0, PASSED, profile(naive, 20.0), profile(fused, 10.0), **more
    )


def kernel(name, launches=1, **more):
    figures = {"sectors": 400, "ideal_sectors": 400, "wavefronts": 0, "ideal_wavefronts": 0}
    moved = {"dram_read_bytes": 1000 * launches, "dram_write_bytes": 24, "spill_bytes": 0, "sampled_blocks": 0}
    plain = {"registers": 45, "shared_bytes": 0, "blocks": 1024} | figures | moved | more
    return KernelCounts(name, launches, (3, 32, 1), (128, 1, 1), **plain)


LAYER = Counts(
    (
        kernel("fused_attention", wavefronts=3000, ideal_wavefronts=2999),
        kernel("bias_residual_layer_norm", 2, wavefronts=8, ideal_wavefronts=8),
        kernel("bias_gelu", sectors=411, spill_bytes=24),
    ),
    None,
    "torch's own operators move a part of the data",
)
ALONE = Counts((kernel("bias_gelu", spill_bytes=None),), 1000)
GRAPH = (Variant("fused", "graph", profile(8, 5.0)),)
RUN = Run(
    "vgpu:T4", "Tesla T4 (virtual)", "modelled", {"torch": "2"},
    (
        case("encoder_layer", "fp16-b1-s32", "fp16", 17, 8, launch_budget=8, counts=LAYER, variants=GRAPH),
        case("bias_gelu", "fp32-b8", "fp32", 2, 1, launch_budget=1, counts=ALONE),
        CaseResult("bias_gelu", "fp32-b9", {"dtype": "fp32"}, "fp32", 0, FAILED, None, None, launch_budget=1),
    ),
)  # fmt: skip


def without_counts(run=RUN):
    return replace(run, results=tuple(replace(result, counts=None) for result in run.results))


def without_profiles(run=RUN):
    return replace(run, results=tuple(replace(each, reference=None, fused=None, variants=()) for each in run.results))
