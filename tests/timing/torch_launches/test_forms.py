"""What a rule says of every size holds for many calls: its launches are of its form."""

import pytest
import torch
import torch.nn.functional as F

from harness.timing.torch_launches.agreement.families import families, matches
from harness.timing.torch_launches.recording import Recording
from harness.vgpu import gpus

aten = torch.ops.aten


def x(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


def index(*shape):
    return x(*shape, dtype=torch.long)


MASK = x(8, 64, dtype=torch.bool)
CALLS = {
    "reductions": lambda: [
        x(8, 64).sum(-1), x(1 << 22).sum(), MASK.sum(), x(8, 64).mean(0), x(8, 64).amax(-1), x(8, 64).max(-1), MASK.any(),
        x(8, 64).std(-1), x(8, 64).aminmax(), x(8, 64).argmax(-1), torch.linalg.vector_norm(x(1 << 22)), x(8, 0).sum(-1),
    ],
    "elementwise": lambda: [
        x(8, 64) + x(64), x(8, 64).half() * 2, x(8, 64) ** 2, x(8, 64) ** 1, x(8, 64) ** 0, F.gelu(x(8, 64)), x(0) + 1,
        torch.where(MASK, x(8, 64), x(1)), F.glu(x(8, 64)), aten.glu_backward(x(8, 32), x(8, 64), 1), x(8, 64).tanh_(),
    ],
    "copies": lambda: [
        x(8, 64).clone(), x(8, 64).t().contiguous(), x(8, 64).half(), x(8, 64).copy_(x(64)), x(8, 64).zero_(),
        torch.cat([x(8, 64)] * 200), torch.cat([x(8, 3), x(8, 4)], 1), torch.stack([x(8), x(8)]), torch.cat([x(8)]),
        x(8, 64).tril(), x(8, 64).flip(0), x(8, 64).roll(1, 0), x(8, 64).masked_fill(MASK, 0.0), x(8, 64).repeat(2, 2),
        torch.arange(9, device="meta"), torch.arange(0, device="meta"), torch.eye(4, device="meta"), x(4).resize_(8),
    ],
    "rows": lambda: [
        x(8, 64).softmax(-1), x(8, 5000).softmax(-1), x(8, 64).softmax(0), x(64, 8).t().softmax(-1), F.layer_norm(x(8, 64), (64,)),
        F.layer_norm(x(8, 63), (63,)), F.layer_norm(x(64, 8).t(), (64,)),
        aten._softmax_backward_data(x(8, 64), x(8, 64), -1, torch.float32), aten._log_softmax_backward_data(x(8, 9), x(8, 9), 0, torch.float32),
        aten.native_layer_norm_backward(x(8, 64), x(8, 64), [64], x(8, 1), x(8, 1), x(64), x(64), [True, True, True]),
        aten.native_layer_norm_backward(x(70_000, 64), x(70_000, 64), [64], x(70_000, 1), x(70_000, 1), x(64), x(64), [False, True, True]),
    ],
    "products": lambda: [
        x(8, 16) @ x(16, 4), torch.addmm(x(4), x(8, 16), x(16, 4)), torch.addmm(x(8, 4), x(8, 16), x(16, 4)), x(2, 8, 16) @ x(2, 16, 4),
        torch.baddbmm(x(2, 8, 4), x(2, 8, 16), x(2, 16, 4)), x(8, 16) @ x(16), torch.addmv(x(8), x(8, 16), x(16)), torch.dot(x(8), x(8)),
    ],
    "indices": lambda: [
        x(9, 64).index_select(0, index(20)), x(9, 63).index_select(0, index(2)), F.embedding(index(4, 5), x(9, 64)), x(8, 64).gather(1, index(8, 3)),
        x(8, 64).scatter(1, index(8, 3), 1.0), x(8, 64).scatter_(1, index(8, 3), 1.0), x(9, 64)[index(20)], x(8, 64)[index(3), index(3)],
        MASK.nonzero(), x(1 << 15, dtype=torch.bool).nonzero(), torch.ones(8)[torch.ones(8) > 0], torch.bucketize(x(8), x(4)), x(8, 64).cumsum(-1), x(64).cumsum(0),
        MASK.cumsum(0), x(8, 64).index_fill_(0, index(2), 1.0), x(8).take(index(3)),
    ],
    "random": lambda: [
        x(8).uniform_(), torch.rand(8, device="meta"), x(8).bernoulli_(0.5), torch.native_dropout(x(8), 0.1, True),
        torch.native_dropout(x(8), 0.0, True), torch.poisson(x(8)),
    ],
    "lists": lambda: [
        torch._foreach_add_([x(8)] * 1000, 1.0), torch._foreach_add_([x(8), x(8).half()], 1.0),
        torch._amp_foreach_non_finite_check_and_unscale_([x(8)], x(1), x(1)),
    ],
    "losses": lambda: [
        F.mse_loss(x(8, 8), x(8, 8)), F.mse_loss(x(8, 8), x(8, 8), reduction="none"), aten.nll_loss_forward(x(8, 9), index(8), None, 1, -100),
        aten.nll_loss_forward(x(8, 9), index(8), None, 0, -100), aten.nll_loss_backward(x(), x(8, 9), index(8), None, 1, -100, x()),
    ],
    "vision": lambda: [
        F.max_pool2d(x(1, 2, 8, 8), 2), F.avg_pool2d(x(1, 2, 8, 8), 2), F.interpolate(x(1, 2, 8, 8), scale_factor=2.0),
        aten.max_pool2d_with_indices_backward(x(1, 2, 4, 4), x(1, 2, 8, 8), [2, 2], [2, 2], [0, 0], [1, 1], False, index(1, 2, 4, 4)),
    ],
    "attention": lambda: [
        aten._scaled_dot_product_flash_attention(*[x(1, 2, 8, 64, dtype=torch.bfloat16)] * 3),
        aten._scaled_dot_product_efficient_attention(*[x(1, 2, 8, 64)] * 3, None, False),
    ],
}  # fmt: skip


@pytest.mark.parametrize("gpu", ["T4", "H100"])
@pytest.mark.parametrize("calls", CALLS)
def test_launches_are_of_the_form_that_their_rule_states(calls, gpu):
    seen = []
    with Recording(gpus.load(gpu), lambda rule, launches: seen.append((rule, families(launches)))):
        CALLS[calls]()
    stated = [(rule.source, rule.form, found) for rule, found in seen if rule.form is not None and found]
    assert len(stated) >= 2
    assert [each for each in stated if not matches(each[1], each[2])] == []
