"""Weights of a decoder layer, scaled so that every layer's output keeps the variance of its input."""


def linear(case, outputs, inputs):
    return case.randn(outputs, inputs, std=inputs**-0.5), case.randn(outputs, std=0.1)


def norm(case, hidden):
    return case.randn(hidden, mean=1.0, std=0.1), case.randn(hidden, std=0.1)


def weights(case, hidden):
    """In the order of `Weights`, of kernels/decoder/layer.py and of the reference's."""
    attention = norm(case, hidden), linear(case, 3 * hidden, hidden), linear(case, hidden, hidden)
    query, memory = linear(case, hidden, hidden), linear(case, 2 * hidden, hidden)
    cross = norm(case, hidden), query, memory, linear(case, hidden, hidden)
    inner = norm(case, hidden), linear(case, 4 * hidden, hidden), linear(case, hidden, 4 * hidden)
    return *attention, *cross, *inner
