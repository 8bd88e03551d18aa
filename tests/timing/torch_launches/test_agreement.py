"""Rules against recorded traces: names, forms, who launched what, and how far they agree."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from harness.errors import FuseproofError
from harness.timing.torch_launches import pointwise, table
from harness.timing.torch_launches.agreement import __main__ as command
from harness.timing.torch_launches.agreement.compare import verdicts
from harness.timing.torch_launches.agreement.families import family, matches
from harness.timing.torch_launches.agreement.report import report, share
from harness.timing.torch_launches.agreement.traced import load
from harness.timing.torch_launches.rule import Rule
from harness.vgpu import gpus

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests/timeline/data"
TRACES = [
    "tracelens_h100_bert_small.json.gz", "hta_alexnet.json.gz", "hta_ns_resolution.json.gz",
    "hta_sampled_rank1.json.gz", "nsysai_h100_2gpu_1s.sqlite",
]  # fmt: skip


@pytest.fixture(scope="module")
def compared():
    return command.compared([DATA / name for name in TRACES])


# --- names and forms


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, ...>(int)", "elementwise"),
        ("void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda(...)>", "elementwise"),
        ("elementwise_kernel<128, 2, CUDAFunctor_add>", "elementwise"),
        ("void (anonymous namespace)::elementwise_kernel_with_index<int, ...>", "elementwise_kernel_with_index"),
        ("void <unnamed>::softmax_warp_forward<float, float, float, (int)6>(...)", "softmax_warp_forward"),
        ("void at::native::(anonymous namespace)::cunn_SoftMaxForwardSmem<4, float>", "cunn_SoftMaxForward"),
        ("volta_sgemm_64x32_sliced1x4_tn", "gemm"), ("cublas_gemm<half> 8x8x8", "gemm"),
        ("sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize64x64x64", "gemm"),
        ("void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16>(...)", "gemm"),
        ("std::enable_if<!(false), void>::type internal::gemvx::kernel<int, int, float>(...)", "gemm"),
        ("void cublasLt::splitKreduce_kernel<32, 16, int>(...)", "gemm_reduction"),
        ("void cask_cudnn_infer::computeOffsetsKernel<false, false>(...)", "cudnn"),
        ("void cudnn::bn_fw_tr_1C11_kernel_NCHW<float>(...)", "cudnn"),
        ("Memcpy DtoD (Device -> Device)", "memcpy"), ("Memset (Device)", "memset"),
        ("void at::native::(anonymous namespace)::indexSelectLargeIndex<float, long>(...)", "gather"),
        ("void at::native::_scatter_gather_elementwise_kernel<128, 4>", "gather"),
        ("void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float>>", "reduce"),
        ("void at::native::(anonymous namespace)::CatArrayBatchedCopy_aligned16_contig<...>", "cat"),
        ("void fmha_new<float>(int)", "fmha_new"),
    ],
)  # fmt: skip
def test_a_kernel_has_one_family_whatever_its_dtype_and_version(name, expected):
    assert family(name) == expected


@pytest.mark.parametrize(
    ("form", "seen", "whole", "partly"),
    [
        ("elementwise", ["elementwise"], True, True),
        ("elementwise", ["elementwise", "elementwise"], False, False),
        ("memset? reduce", ["reduce"], True, True),
        ("memset? reduce", ["memset"], False, True),
        ("memset? reduce", ["reduce", "memset"], False, False),
        ("memcpy|elementwise gather", ["memcpy", "gather"], True, True),
        ("memcpy|elementwise gather", ["memcpy", "elementwise", "gather"], False, False),
        ("cat+|memcpy+", ["cat", "cat"], True, True),
        ("cat+|memcpy+", ["cat", "memcpy"], False, False),
        ("one|(two three?)", ["two"], True, True),
        ("one|(two three?)", ["three"], False, True),
        ("(two three)* one", ["two", "three", "two", "three", "one"], True, True),
        ("", [], True, True),
        ("", ["memcpy"], False, False),
    ],
)
def test_a_form_is_what_is_launched_at_any_size(form, seen, whole, partly):
    assert matches(form, seen) == whole
    assert matches(form, seen, partly=True) == partly


# --- reading a trace


def operator(name, ts, dur, number, **arguments):
    args = {"Ev Idx": number, **arguments}
    return {"ph": "X", "cat": "cpu_op", "name": name, "pid": 1, "tid": 1, "ts": ts, "dur": dur, "args": args}


def launch(name, ts, correlation, category="kernel"):
    call = {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1, "ts": ts, "dur": 1}
    ran = {"ph": "X", "cat": category, "name": name, "pid": 0, "tid": 7, "ts": ts + 50, "dur": 5}
    return [{**call, "args": {"correlation": correlation}}, {**ran, "args": {"correlation": correlation}}]


@pytest.fixture
def judged(tmp_path):
    def judge(*events):
        path = tmp_path / "trace.json"
        path.write_text(json.dumps({"traceEvents": list(events)}))
        return list(verdicts(load(path), gpus.load("A100")))

    return judge


ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>"


def test_an_operator_owns_what_was_launched_inside_it(judged):
    (verdict,) = judged(operator("aten::add", 0, 10, 0), *launch(ADD, 5, 1))
    assert (verdict.operator, verdict.outcome, verdict.seen) == ("aten::add", "form", ("elementwise",))


def test_another_number_of_launches_differs(judged):
    (verdict,) = judged(operator("aten::add", 0, 10, 0), *launch(ADD, 3, 1), *launch(ADD, 5, 2))
    assert verdict.outcome == "differs"


def test_another_kind_of_launch_differs(judged):
    copied = launch("Memcpy DtoD (Device -> Device)", 5, 1, "gpu_memcpy")
    (verdict,) = judged(operator("aten::add", 0, 10, 0), *copied)
    assert verdict.outcome == "differs"


def test_composite_operators_are_looked_into(judged):
    events = [
        operator("aten::linear", 0, 20, 0),
        operator("aten::addmm", 2, 15, 1),
        *launch("volta_sgemm_32x32_nn", 5, 1),
    ]
    assert [(each.operator, each.outcome) for each in judged(*events)] == [("aten::addmm", "form")]


def test_recorded_shapes_are_asked_for_their_launches(judged):
    shapes = {
        "Input Dims": [[4, 31], [], [31], [31], []],
        "Input type": ["float", "ScalarList", "float", "float", "Scalar"],
    }
    values = {"Input Strides": [[31, 1], [], [1], [1], []], "Concrete Inputs": ["", "[31]", "", "", "1e-05"]}
    norm = operator("aten::native_layer_norm", 0, 10, 0, **shapes, **values)
    two = [
        *launch("void at::native::RowwiseMomentsCUDAKernel<float>", 3, 1),
        *launch("void LayerNormForwardCUDAKernel<f>", 5, 2),
    ]
    one = launch("void at::native::vectorized_layer_norm_kernel<float>", 3, 1)
    assert [each.outcome for each in judged(norm, *two)] == ["arguments"]
    assert [each.outcome for each in judged(norm, *one)] == ["differs"]  # 31 columns are no whole vectors


def test_what_cublas_adds_is_the_librarys(judged):
    kernels = [*launch("volta_sgemm_32x32_nn", 3, 1), *launch("void splitKreduce_kernel<32>", 5, 2)]
    (verdict,) = judged(operator("aten::mm", 0, 10, 0), *kernels)
    assert verdict.outcome == "library"


def test_an_operator_without_launches_is_silent_or_has_none(judged):
    found = judged(operator("aten::add", 0, 10, 0), operator("aten::view", 20, 5, 1))
    assert [each.outcome for each in found] == ["silent", "nothing"]


def test_an_operator_without_a_rule_is_named(judged):
    found = judged(operator("aten::cholesky", 0, 10, 0), *launch("void potrf<float>", 5, 1))
    assert [(each.operator, each.outcome) for each in found] == [("aten::cholesky", "no rule")]


def test_a_recording_with_gaps_may_lack_launches(judged):
    others = [operator("aten::view", 100 + number, 0.5, 2 * number) for number in range(8)]
    shapes = {"Input Dims": [[4, 31], [], [31], [31], []], "Input type": ["float", "", "float", "float", "Scalar"]}
    norm = operator("aten::native_layer_norm", 0, 10, 50, **shapes)
    found = judged(norm, *launch("void LayerNormForwardCUDAKernel<float>", 5, 1), *others)
    assert found[0].outcome == "form"


def test_a_trace_without_operators_says_what_to_do(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"traceEvents": launch(ADD, 5, 1)}))
    with pytest.raises(FuseproofError, match=r"ProfilerActivity\.CPU"):
        load(path)


def test_kernels_go_to_the_operators_that_kineto_says():
    path = DATA / TRACES[0]
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    named = {event["args"]["External id"]: event["name"] for event in events if event.get("cat") == "cpu_op"}
    kernels = [event["args"]["External id"] for event in events if event.get("cat") in ("kernel", "gpu_memcpy")]
    launched = Counter()

    def count(each):
        launched[each.name] += len(each.launched)
        for child in each.children:
            count(child)

    for root in load(path).roots:
        count(root)
    assert +launched == Counter(named[number] for number in kernels)


# --- the agreement


def test_at_least_98_percent_of_the_calls_agree(compared):
    everything = [verdict for trace in compared for verdict in trace.verdicts]
    assert share(everything) >= 0.98
    assert sum(verdict.outcome in ("arguments", "form", "library", "differs") for verdict in everything) > 7000


def test_where_everything_was_recorded_every_launch_is_the_rules(compared):
    outcomes = Counter(verdict.outcome for verdict in compared[0].verdicts)
    assert outcomes == {"arguments": 61, "nothing": 112}


def test_a_wrong_rule_is_noticed(monkeypatch):
    right = pointwise.rules()["gelu"]
    wrong = Rule(lambda call, gpu: [*right.launches(call, gpu)] * 2, right.source, form="elementwise elementwise")
    rules = {**table.rules(), "gelu": wrong}
    monkeypatch.setattr(table, "rules", lambda: rules)
    found = verdicts(load(DATA / TRACES[0]), gpus.load("H100"))
    assert Counter(each.operator for each in found if each.outcome == "differs") == {"aten::gelu": 5}


def test_the_committed_report_is_what_the_rules_and_traces_say(compared):
    assert (ROOT / "docs/torch-launches.md").read_text() == report(compared), (
        "docs/torch-launches.md is not up to date: write it with python -m harness.timing.torch_launches.agreement "
        f"{' '.join(f'tests/timeline/data/{name}' for name in TRACES)} --to docs/torch-launches.md"
    )


def test_grids_and_blocks_of_row_kernels_are_the_recorded_ones(launched):
    events = json.loads(gzip.decompress((DATA / TRACES[0]).read_bytes()))["traceEvents"]
    recorded = {
        (tuple(event["args"]["grid"]), tuple(event["args"]["block"]))
        for event in events
        if event.get("cat") == "kernel" and "vectorized_layer_norm_kernel" in event["name"]
    }
    x, weight = (torch.empty(shape, dtype=torch.bfloat16, device="meta") for shape in ((1, 141, 512), (512,)))
    (kernel,) = launched(torch.nn.functional.layer_norm, x, (512,), weight, weight, gpu="H100")
    assert recorded == {(kernel.grid, kernel.block)}
