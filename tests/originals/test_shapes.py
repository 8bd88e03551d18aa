"""Shapes that are remembered: the same as those that PyTorch works out, and asked for once."""

import pytest
import torch

from harness.originals.shapes import RememberedShapes

X, ROWS = torch.empty(3, 4, device="meta"), torch.empty(2, dtype=torch.int64, device="meta")
OPERATORS = {
    "a sum": lambda: X + 1,
    "a sum with another dtype": lambda: ROWS + 1.5,
    "a product of a transpose": lambda: X.t() @ X,
    "a concatenation": lambda: torch.cat((X, X)),
    "rows": lambda: X.index_select(0, ROWS),
    "several results": lambda: X.topk(2),
    "a view": lambda: X.t()[1:],
    "in place": lambda: X.clone().fill_(1),
    "strides kept": lambda: X.t() * 2,
}


def described(made):
    return [(each.shape, each.stride(), each.dtype) for each in ([made] if isinstance(made, torch.Tensor) else made)]


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_an_operator_gives_the_shapes_that_it_gave_before(operator):
    expected = described(operator())
    with RememberedShapes(), torch.no_grad():
        assert described(operator()) == expected
        assert described(operator()) == expected


def test_numbers_that_are_equal_but_of_other_types_are_told_apart():
    with RememberedShapes():
        assert [(ROWS + one).dtype for one in (1, 1.0)] == [torch.int64, torch.float32]


def test_a_known_operator_is_not_called_again():
    like = torch.empty_like(X)
    with RememberedShapes() as shapes:
        X + 1
        like + 1
    assert len(shapes._known) == 1


def test_numbers_are_computed_where_there_are_any():
    with RememberedShapes():
        assert [(torch.ones(2) + one).tolist() for one in (1, 1)] == [[2, 2], [2, 2]]
