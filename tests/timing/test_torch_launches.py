"""Torch operators as launches: which kernels PyTorch's CUDA backend would run for code on CPU tensors."""

import pytest
import torch
import torch.nn.functional as F

from harness.errors import FuseproofError
from harness.timing.torch_launches import NoRule, composites, table, torch_launches
from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock

HALF, FLOAT = torch.float16, torch.float32


def launched(function, *inputs, gpu="T4"):
    """The activities of one call, in order."""
    clock = Clock(gpus.load(gpu), hosts.load())
    with torch.no_grad(), torch_launches(clock):
        function(*inputs)
    return clock.activities


def names(function, *inputs, gpu="T4"):
    """Names without template arguments; memcpys and memsets by their own."""
    return [activity.name.partition("<")[0] for activity in launched(function, *inputs, gpu=gpu)]


def functors(function, *inputs):
    return [activity.name.rpartition(" ")[2].strip("<>") for activity in launched(function, *inputs)]


# --- what costs nothing


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.view(-1),
        lambda x: x.transpose(0, 1),
        lambda x: x.permute(1, 0),
        lambda x: x.t(),
        lambda x: x[0],
        lambda x: x[:, 1:3],
        lambda x: x.unsqueeze(0).expand(5, 4, 8),
        lambda x: x.chunk(2),
        lambda x: x.split(2),
        lambda x: x.reshape(8, 4),
        lambda x: x.contiguous(),
        lambda x: x.detach(),
        lambda x: x.flatten(),
        lambda x: x.unbind(0),
        lambda x: x.diagonal(),
        lambda x: x.unfold(0, 2, 1),
    ],
)
def test_views_launch_nothing(view):
    assert launched(view, torch.zeros(4, 8)) == []


@pytest.mark.parametrize("allocate", [torch.empty_like, lambda x: torch.empty(3), lambda x: x.new_empty(4)])
def test_allocations_launch_nothing(allocate):
    assert launched(allocate, torch.zeros(4)) == []


def test_empty_tensors_launch_nothing():
    assert launched(lambda x: torch.softmax(x * 2 + x, -1).sum(-1), torch.zeros(0, 8)) == []


def test_views_still_cost_the_host_something():
    clock = Clock(gpus.load("T4"), hosts.load())
    with torch_launches(clock):
        torch.zeros(0).view(-1)
    assert clock.host_ns > 0


# --- unknown operators


def test_an_operator_without_a_rule_is_an_error_that_says_what_and_where():
    with pytest.raises(NoRule) as caught:
        launched(torch.cholesky, torch.eye(3))
    message = str(caught.value)
    assert "aten.cholesky.default(float32[3, 3]" in message
    assert "harness/timing/torch_launches/" in message


def test_a_custom_operator_is_no_silent_zero():
    library = torch.library.Library("fuseproof_test", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x + x, "CPU")
    with pytest.raises(NoRule, match=r"fuseproof_test\.twice"):
        launched(torch.ops.fuseproof_test.twice, torch.zeros(2))


# --- elementwise


def test_contiguous_operands_run_the_vectorised_kernel():
    (kernel,) = launched(torch.add, torch.zeros(1024, 8), torch.zeros(1024, 8))
    assert kernel.name == "vectorized_elementwise_kernel<4, CUDAFunctor_add>"
    assert (kernel.grid, kernel.block) == ((8, 1, 1), (128, 1, 1))


def test_transposed_operands_that_share_a_layout_count_as_contiguous():
    x = torch.zeros(64, 32).t()
    assert names(torch.mul, x, x) == ["vectorized_elementwise_kernel"]


@pytest.mark.parametrize(("dtype", "unroll"), [(FLOAT, 2), (HALF, 4)])
def test_a_broadcast_operand_runs_the_strided_kernel(dtype, unroll):
    (kernel,) = launched(torch.add, torch.zeros(64, 32, dtype=dtype), torch.zeros(32, dtype=dtype))
    assert kernel.name == f"elementwise_kernel<128, {unroll}, CUDAFunctor_add>"


def test_mixed_dtypes_run_the_casting_kernel():
    assert names(torch.add, torch.zeros(64), torch.zeros(64, dtype=HALF)) == ["unrolled_elementwise_kernel"]


def test_a_python_number_is_a_kernel_parameter():
    (kernel,) = launched(lambda x: x * 2.0, torch.zeros(1000))
    assert kernel.bytes == 2 * 4000


def test_a_broadcast_operand_is_read_from_dram_once():
    (kernel,) = launched(torch.add, torch.zeros(64, 32), torch.zeros(32))
    assert kernel.bytes == 2 * 64 * 32 * 4 + 32 * 4


def test_in_place_and_out_forms_are_the_same_kernel():
    x = torch.zeros(64)
    assert functors(lambda: x.add_(1)) == functors(lambda: torch.add(x, 1, out=x)) == ["CUDAFunctor_add"]


def test_newer_gpus_load_eight_halves_at_once():
    half = torch.zeros(4096, dtype=HALF)
    (kernel,) = launched(torch.add, half, half, gpu="H100")
    assert kernel.name.startswith("vectorized_elementwise_kernel<8")


@pytest.mark.parametrize(
    "function",
    [
        torch.exp, torch.tanh, torch.erf, torch.rsqrt, torch.sqrt, torch.sigmoid, torch.neg, torch.abs, torch.relu,
        torch.log, torch.reciprocal, torch.square, F.gelu, F.silu, F.softplus, F.leaky_relu, F.elu, F.hardtanh,
        torch.logical_not, torch.sin, torch.cos, torch.round, torch.isnan,
        lambda x: F.gelu(x, approximate="tanh"), lambda x: x - 1, lambda x: 1 - x, lambda x: x / 3, lambda x: x**2,
        lambda x: x > 0, lambda x: x == 1, lambda x: x.clamp(0, 1), lambda x: torch.maximum(x, x),
        lambda x: torch.addcmul(x, x, x), lambda x: torch.lerp(x, x, 0.5), lambda x: torch.logical_and(x, x),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [HALF, FLOAT])
def test_elementwise_functions_are_one_kernel(function, dtype):
    assert len(launched(function, torch.rand(64).to(dtype))) == 1


def test_where_with_a_number_fills_a_scalar_tensor_first():
    x = torch.zeros(64)
    assert functors(lambda: torch.where(x > 0, x, 0.0)) == ["CompareFunctor", "FillFunctor", "where_kernel_impl"]


# --- copies and fills


def test_a_clone_of_dense_memory_is_a_memcpy():
    (copy,) = launched(torch.clone, torch.zeros(64, 32))
    assert (copy.kind, copy.bytes) == ("memcpy", 64 * 32 * 4)


def test_making_a_transposed_tensor_contiguous_is_a_kernel():
    assert names(lambda x: x.t().contiguous(), torch.zeros(64, 32)) == ["elementwise_kernel"]


def test_a_transposing_copy_touches_more_sectors_than_a_plain_one():
    big = torch.zeros(2048, 2048)
    (plain,) = launched(lambda x: x + 0, big, gpu="V100")
    (transposed,) = launched(lambda x: x.t().contiguous(), big, gpu="V100")
    assert transposed.duration > plain.duration


def test_casts_are_kernels():
    assert names(torch.Tensor.half, torch.zeros(64)) == ["vectorized_elementwise_kernel"]
    assert names(torch.Tensor.float, torch.zeros(64, dtype=HALF)) == ["unrolled_elementwise_kernel"]


def test_a_cast_to_its_own_dtype_is_nothing():
    assert launched(torch.Tensor.float, torch.zeros(64)) == []


def test_masked_fill_clones_then_fills():
    x = torch.zeros(8, 8)
    mask = torch.ones(8, 8, dtype=torch.bool)
    found = launched(lambda: x.masked_fill(mask, float("-inf")))
    assert [activity.kind for activity in found] == ["memcpy", "kernel"]
    assert len(launched(lambda: x.masked_fill_(mask, 0.0))) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.zeros(5), lambda x: torch.full((5,), 2.0), torch.ones_like, lambda x: x.new_zeros(3),
        lambda x: x.fill_(1), lambda x: x.zero_(), lambda x: torch.arange(9), torch.tril, torch.triu,
        lambda x: torch.cat([x, x]), lambda x: torch.stack([x, x]), lambda x: x.repeat(2, 1),
    ],
)  # fmt: skip
def test_fills_and_concatenations_are_one_kernel(function):
    assert len(launched(function, torch.zeros(4, 4))) == 1


def test_masked_fill_with_a_tensor_makes_the_host_read_it():
    x, mask = torch.zeros(8, 8), torch.ones(8, 8, dtype=torch.bool)
    copy, _ = names(lambda value: x.masked_fill_(mask, value), torch.tensor(1.0))
    assert copy == "Memcpy DtoH"


def test_reading_a_scalar_copies_it_and_waits():
    clock = Clock(gpus.load("T4"), hosts.load())
    x = torch.ones(8)
    with torch_launches(clock):
        x.sum().item()
    assert [activity.name for activity in clock.activities][-1] == "Memcpy DtoH"
    assert clock.host_ns > clock.activities[-1].end


def test_an_embedding_gathers_rows_in_one_kernel():
    (kernel,) = launched(F.embedding, torch.arange(32), torch.zeros(1000, 64))
    assert kernel.name == "vectorized_gather_kernel"
    assert kernel.bytes == 2 * 32 * 64 * 4 + 32 * 8


# --- reductions


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(-1), lambda x: x.mean(-1, keepdim=True), lambda x: x.var(-1), lambda x: x.std(0),
        lambda x: x.amax(-1), lambda x: x.max(-1), lambda x: x.argmax(-1), lambda x: x.sum(), lambda x: x.max(),
        lambda x: torch.linalg.vector_norm(x, dim=-1), lambda x: torch.var_mean(x, dim=-1), lambda x: (x > 0).any(),
    ],
)  # fmt: skip
def test_a_small_reduction_is_one_kernel(function):
    assert [name for name in names(function, torch.rand(16, 768)) if name == "reduce_kernel"] == ["reduce_kernel"]


def test_a_reduction_to_one_value_shares_its_output_between_blocks():
    memset, kernel = launched(torch.sum, torch.zeros(1 << 20))
    assert memset.kind == "memset"
    assert kernel.grid[1] > 1


# --- rows


@pytest.mark.parametrize(
    ("columns", "name"),
    [(17, "softmax_warp_forward<32>"), (128, "softmax_warp_forward<128>"), (2048, "softmax_warp_forward<2048>"),
     (2049, "cunn_SoftMaxForwardReg"), (30000, "cunn_SoftMaxForwardSmem")],
)  # fmt: skip
def test_softmax_picks_its_kernel_by_the_row(columns, name):
    (kernel,) = launched(torch.softmax, torch.zeros(2, columns), -1)
    assert kernel.name == name


def test_softmax_of_short_rows_puts_eight_of_them_in_a_block():
    (kernel,) = launched(torch.softmax, torch.zeros(96 * 128, 128), -1)
    assert (kernel.grid, kernel.block) == ((96 * 16, 1, 1), (32, 4, 1))


def test_softmax_in_float_of_halves_is_one_kernel():
    assert names(lambda x: torch.softmax(x, -1, dtype=FLOAT), torch.zeros(8, 64, dtype=HALF)) == [
        "softmax_warp_forward"
    ]


def test_log_softmax_in_float_of_halves_is_one_kernel_too():
    x = torch.zeros(8, 64, dtype=HALF)
    for function in (F.log_softmax, torch.log_softmax, torch.Tensor.log_softmax):
        assert names(lambda function=function: function(x, -1, dtype=FLOAT)) == ["softmax_warp_forward"]
    assert len(names(lambda: F.log_softmax(x.float(), -1, dtype=torch.float64))) == 3


def test_layer_norm_is_one_vectorised_kernel_a_row_a_block():
    (kernel,) = launched(lambda x: F.layer_norm(x, (768,), x[0], x[1]), torch.zeros(24, 768))
    assert (kernel.name, kernel.grid, kernel.block) == ("vectorized_layer_norm_kernel", (24, 1, 1), (32, 4, 1))


def test_layer_norm_of_rows_that_are_no_whole_vectors_takes_two_kernels():
    found = names(lambda x: F.layer_norm(x, (31,)), torch.zeros(4, 31))
    assert found == ["RowwiseMomentsCUDAKernel", "LayerNormForwardCUDAKernel"]


def test_rms_norm_is_one_kernel_although_the_cpu_decomposes_it():
    assert names(lambda x: F.rms_norm(x, (64,)), torch.zeros(4, 64)) == ["vectorized_rms_norm_kernel"]


def test_dropout_is_one_kernel_in_training_and_nothing_otherwise():
    x = torch.ones(1024)
    (kernel,) = launched(lambda: F.dropout(x, 0.1, training=True))
    assert (kernel.name, kernel.bytes) == ("fused_dropout_kernel_vec", 2 * 4096 + 1024)
    assert launched(lambda: F.dropout(x, 0.1, training=False)) == []


# --- matrix products


def test_a_linear_layer_with_bias_is_one_kernel_of_cublaslt():
    assert names(F.linear, torch.zeros(8, 16), torch.zeros(32, 16), torch.zeros(32)) == ["cublasLt_gemm_bias"]


def test_a_linear_layer_on_three_dimensions_is_one_kernel_too():
    assert names(F.linear, torch.zeros(2, 8, 16), torch.zeros(32, 16), torch.zeros(32)) == ["cublasLt_gemm_bias"]


def test_a_linear_layer_on_one_row_copies_its_bias_first():
    found = launched(F.linear, torch.zeros(1, 16), torch.zeros(32, 16), torch.zeros(32))
    assert [activity.name.partition("<")[0] for activity in found] == ["Memcpy DtoD", "cublas_gemm"]


@pytest.mark.parametrize("use_gelu", [False, True])
def test_an_activation_is_in_the_epilogue_too(use_gelu):
    bias, x, weight = torch.zeros(32), torch.zeros(8, 16), torch.zeros(16, 32)
    assert names(lambda: torch._addmm_activation(bias, x, weight, use_gelu=use_gelu)) == ["cublasLt_gemm_bias"]


@pytest.mark.parametrize(("use_gelu", "functor"), [(False, "launch_clamp_scalar"), (True, "GeluCUDAKernelImpl")])
def test_an_activation_of_one_row_is_a_kernel_of_its_own(use_gelu, functor):
    bias, x, weight = torch.zeros(32), torch.zeros(1, 16), torch.zeros(16, 32)
    found = launched(lambda: torch._addmm_activation(bias, x, weight, use_gelu=use_gelu))
    assert [activity.name.partition("<")[0] for activity in found[:2]] == ["Memcpy DtoD", "cublas_gemm"]
    assert functor in found[2].name


def test_a_matrix_bias_is_copied_first():
    x = torch.zeros(8, 8)
    assert names(torch.addmm, x, x, x) == ["Memcpy DtoD", "cublas_gemm"]


def test_transposed_matrices_are_taken_as_they_are():
    x = torch.zeros(8, 16)
    assert names(lambda: x @ x.t()) == ["cublas_gemm"]


def test_a_matrix_without_a_contiguous_dimension_is_copied():
    every_other, dense = torch.zeros(8, 16, 2)[..., 0], torch.zeros(16, 4)
    assert names(torch.mm, every_other, dense) == ["elementwise_kernel", "cublas_gemm"]


def test_a_batched_product_of_expanded_heads_copies_them_first():
    heads = torch.zeros(2, 16, 4, 8).transpose(1, 2)
    assert names(lambda: heads @ heads.transpose(-1, -2)) == [
        "elementwise_kernel", "elementwise_kernel", "cublas_gemm_strided_batched",
    ]  # fmt: skip


def test_baddbmm_copies_the_matrix_that_it_adds():
    x = torch.zeros(2, 8, 8)
    assert names(torch.baddbmm, x, x, x) == ["Memcpy DtoD", "cublas_gemm_strided_batched"]


def test_halves_run_on_tensor_cores_and_floats_do_not():
    def duration(dtype):
        x = torch.zeros(1024, 1024, dtype=dtype, device="meta")
        (kernel,) = launched(torch.mm, x, x)
        return kernel.duration

    assert duration(HALF) < duration(FLOAT) / 3


def test_a_product_in_double_has_no_model():
    x = torch.zeros(4, 4, dtype=torch.float64)
    with pytest.raises(FuseproofError, match=r"no time model .* torch\.float64"):
        launched(torch.mm, x, x)


@pytest.mark.parametrize(("gpu", "dtype", "name"), [
    ("T4", HALF, "fmha_cutlassF"), ("A100", HALF, "flash_fwd_kernel"), ("A100", FLOAT, "fmha_cutlassF"),
])  # fmt: skip
def test_fused_attention_is_one_kernel(gpu, dtype, name):
    q = torch.zeros(2, 4, 32, 64, dtype=dtype)
    assert [found.partition(" ")[0] for found in names(F.scaled_dot_product_attention, q, q, q, gpu=gpu)] == [name]


# --- a whole layer


LAYER = [
    "cublasLt_gemm_bias", "cublasLt_gemm_bias", "cublasLt_gemm_bias",  # query, key, value
    "elementwise_kernel", "elementwise_kernel",  # the heads of query and key, made contiguous
    "cublas_gemm_strided_batched",  # scores
    "vectorized_elementwise_kernel",  # scaled
    "Memcpy DtoD", "elementwise_kernel",  # masked
    "softmax_warp_forward",
    "elementwise_kernel",  # the heads of value
    "cublas_gemm_strided_batched",  # context
    "elementwise_kernel",  # merged
    "cublasLt_gemm_bias", "vectorized_elementwise_kernel", "vectorized_layer_norm_kernel",
    "cublasLt_gemm_bias", "vectorized_elementwise_kernel",  # widened, GELU
    "cublasLt_gemm_bias", "vectorized_elementwise_kernel", "vectorized_layer_norm_kernel",
]  # fmt: skip


@pytest.mark.parametrize("dtype", [HALF, FLOAT])
def test_the_naive_encoder_layer_launches_twenty_kernels_and_a_memcpy(encoder, dtype):
    assert names(encoder.layer, *encoder.inputs(dtype)) == LAYER


def test_inference_mode_changes_nothing(encoder):
    clock, inputs = Clock(gpus.load("T4"), hosts.load()), encoder.inputs(FLOAT)
    with torch.inference_mode(), torch_launches(clock):
        encoder.layer(*inputs)
    assert [activity.name.partition("<")[0] for activity in clock.activities] == LAYER


def test_the_results_are_torchs_own():
    x = torch.randn(4, 8)
    clock = Clock(gpus.load("T4"), hosts.load())
    with torch_launches(clock):
        recorded = torch.softmax(x @ x.t(), -1)
    assert torch.equal(recorded, torch.softmax(x @ x.t(), -1))


def test_the_mode_leaves_nothing_behind():
    clock = Clock(gpus.load("T4"), hosts.load())
    with torch_launches(clock):
        pass
    torch.zeros(8) + 1
    assert clock.activities == []


def test_every_rule_names_the_file_it_was_read_from():
    rules = [*table.rules().values(), *composites.RULES.values()]
    assert all(rule.source.startswith(("aten/src/ATen/", "torch/csrc/")) for rule in rules)
