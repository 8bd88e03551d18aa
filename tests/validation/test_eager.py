"""HuggingFace's layer in PyTorch 1.4: its launches, and what is put in the place of today's."""

from collections import Counter

import pytest
import torch

from harness.timing.torch_launches.launch import MatrixProduct
from harness.validation import eager
from harness.vgpu import gpus

V100 = gpus.load("V100")


def launches(dtype="fp16", batch=8, seq=128):
    return [launch for operation in eager.layer(dtype, batch, seq, V100) for launch in operation.launches]


@pytest.mark.parametrize("batch", [1, 8])
def test_a_layer_launches_eight_products_and_twenty_kernels(batch):
    """Bias additions, copies, the steps of the scores, residuals, norms of two kernels each, GELU."""
    kinds = Counter("product" if isinstance(launch, MatrixProduct) else "kernel" for launch in launches(batch=batch))
    assert kinds == {"product": 8, "kernel": 6 + 4 + 3 + 2 + 4 + 1}


def test_nothing_is_vectorised():
    assert not [launch.name for launch in launches() if "vectorized" in launch.name]


@pytest.mark.parametrize(("dtype", "item"), [("fp16", 2), ("fp32", 4)])
def test_a_flat_kernel_has_one_element_a_thread(dtype, item):
    gelu = next(launch for launch in launches(dtype) if "Gelu" in launch.name)
    elements = 8 * 128 * 3072
    assert gelu.grid[0] * gelu.block[0] == elements
    assert gelu.traffic.load_requests == gelu.traffic.store_requests == elements // 32
    assert gelu.traffic.dram_read == gelu.traffic.dram_write == elements * item


def test_a_strided_kernel_has_four_elements_a_thread_one_after_the_other():
    bias = next(launch for launch in launches("fp32") if "elementwise_kernel<128" in launch.name)
    assert bias.grid[0] * bias.block[0] * 4 == 8 * 128 * 768
    assert bias.load_rounds == 4


def test_a_norm_reads_its_input_twice():
    norms = [
        launch for launch in launches() if launch.name in ("RowwiseMomentsCUDAKernel", "LayerNormForwardCUDAKernel")
    ]
    hidden = 8 * 128 * 768 * 2
    assert sum(launch.traffic.dram_read for launch in norms) == 2 * 2 * hidden
    assert sum(launch.traffic.dram_write for launch in norms) == 2 * hidden


def test_the_layer_computes_what_torchs_own_encoder_layer_does():
    """Same weights everywhere, as `bert_layer` takes them; the mask hides the last two keys."""
    torch.manual_seed(0)
    x = torch.randn(2, 6, 768, dtype=torch.float64)
    square, wide, narrow = (
        torch.randn(shape, dtype=torch.float64) / 30 for shape in ((768, 768), (3072, 768), (768, 3072))
    )
    vector, long = torch.rand(768, dtype=torch.float64), torch.rand(3072, dtype=torch.float64)
    mask = torch.zeros(2, 1, 6, 6, dtype=torch.float64)
    mask[..., 4:] = float("-inf")
    layer = torch.nn.TransformerEncoderLayer(768, 12, 3072, 0.0, "gelu", batch_first=True, dtype=torch.float64).eval()
    with torch.no_grad():
        attention = layer.self_attn
        attention.in_proj_weight.copy_(square.repeat(3, 1))
        attention.in_proj_bias.copy_(vector.repeat(3))
        for linear, weight, bias in ((attention.out_proj, square, vector), (layer.linear1, wide, long), (layer.linear2, narrow, vector)):  # fmt: skip
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        for norm in (layer.norm1, layer.norm2):
            norm.weight.copy_(vector)
            norm.bias.copy_(vector)
        found = eager.bert_layer(x, mask, square, wide, narrow, vector, long)
        wanted = layer(x, src_key_padding_mask=torch.tensor([[False] * 4 + [True] * 2] * 2))
    assert torch.allclose(found, wanted)
