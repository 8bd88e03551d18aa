"""Matrix products that are not computed: shapes, dtypes and launches stay, numbers do not."""

import pytest
import torch

from harness.originals.uncomputed import UncomputedProducts

LEFT, RIGHT, BIAS = torch.ones(3, 4), torch.ones(4, 5), torch.ones(5)
PRODUCTS = {
    "mm": lambda: torch.mm(LEFT, RIGHT),
    "addmm": lambda: torch.addmm(BIAS, LEFT, RIGHT),
    "bmm": lambda: torch.bmm(LEFT[None].half(), RIGHT[None].half()),
    "baddbmm": lambda: torch.baddbmm(torch.ones(1, 3, 5), LEFT[None], RIGHT[None]),
    "linear": lambda: torch.nn.functional.linear(LEFT, RIGHT.t(), BIAS),
    "with an activation": lambda: torch._addmm_activation(BIAS, LEFT, RIGHT),
}


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_a_product_is_zeros_of_the_right_shape_and_dtype(product):
    computed = product()
    with UncomputedProducts(), torch.no_grad():
        made = product()
    assert (made.shape, made.dtype, made.device) == (computed.shape, computed.dtype, computed.device)
    assert computed.abs().sum() > 0
    assert made.abs().sum() == 0


def test_everything_else_is_computed():
    with UncomputedProducts():
        assert (LEFT + 1).sum() == 24
