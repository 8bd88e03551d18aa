"""CUDA's math library against exact values, within the errors that its documentation states.

Bounds: CUDA C++ Programming Guide, Mathematical Functions: the largest distance from the correctly rounded result,
in units of the last place; 0 for functions that round correctly or are exact.
"""

import math

import mpmath
import numpy as np
import pytest

from tests.vgpu.programs.build import compiled

# function: (bound of float, bound of double, lowest and highest argument, reference)
ONE = {
    "sin": (2, 2, -100, 100, mpmath.sin),
    "cos": (2, 2, -100, 100, mpmath.cos),
    "tan": (4, 2, -100, 100, mpmath.tan),
    "sinpi": (1, 2, -4, 4, mpmath.sinpi),
    "cospi": (1, 2, -4, 4, mpmath.cospi),
    "asin": (2, 2, -1, 1, mpmath.asin),
    "acos": (2, 2, -1, 1, mpmath.acos),
    "atan": (2, 2, -50, 50, mpmath.atan),
    "sinh": (3, 2, -50, 50, mpmath.sinh),
    "cosh": (2, 1, -50, 50, mpmath.cosh),
    "tanh": (2, 1, -5, 5, mpmath.tanh),
    "asinh": (3, 3, -1000, 1000, mpmath.asinh),
    "acosh": (4, 3, 1, 1000, mpmath.acosh),
    "atanh": (3, 2, -0.999, 0.999, mpmath.atanh),
    "exp": (2, 1, -80, 80, mpmath.exp),
    "exp2": (2, 1, -100, 100, lambda x: mpmath.mpf(2) ** x),
    "exp10": (2, 1, -30, 30, lambda x: mpmath.mpf(10) ** x),
    "expm1": (1, 1, -10, 10, mpmath.expm1),
    "log": (1, 1, 1e-6, 1e6, mpmath.log),
    "log2": (1, 1, 1e-6, 1e6, lambda x: mpmath.log(x, 2)),
    "log10": (2, 1, 1e-6, 1e6, mpmath.log10),
    "log1p": (1, 1, -0.99, 1000, mpmath.log1p),
    "logb": (0, 0, 1e-6, 1e6, lambda x: mpmath.mpf(math.frexp(x)[1] - 1)),
    "sqrt": (0, 0, 0, 1e6, mpmath.sqrt),
    "rsqrt": (2, 1, 1e-6, 1e6, lambda x: 1 / mpmath.sqrt(x)),
    "cbrt": (1, 1, -1000, 1000, lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x))),
    "erf": (2, 2, -4, 4, mpmath.erf),
    "erfc": (4, 5, -4, 9, mpmath.erfc),
    "lgamma": (6, 4, 3, 100, mpmath.loggamma),
    "tgamma": (5, 10, 0.1, 30, mpmath.gamma),
    "normcdf": (5, 5, -9, 5, mpmath.ncdf),
    "floor": (0, 0, -100, 100, mpmath.floor),
    "ceil": (0, 0, -100, 100, mpmath.ceil),
    "trunc": (0, 0, -100, 100, int),
    "round": (0, 0, -100, 100, lambda x: math.copysign(math.floor(abs(x) + 0.5), x)),
    "rint": (0, 0, -100, 100, mpmath.nint),
}
TWO = {
    "pow": (4, 2, 0, 12, lambda x, y: x**y),
    "atan2": (3, 2, -50, 50, mpmath.atan2),
    "hypot": (3, 2, -50, 50, mpmath.hypot),
    "fmod": (0, 0, -50, 50, math.fmod),
    "remainder": (0, 0, -50, 50, math.remainder),
    "fdim": (0, 0, -50, 50, lambda x, y: max(x - y, 0)),
    "copysign": (0, 0, -50, 50, math.copysign),
    "fmax": (0, 0, -50, 50, max),
    "fmin": (0, 0, -50, 50, min),
}
COUNT = 160  # arguments a function


def arguments(dtype, low, high, seed):
    """Both ends, values near zero where it is inside, and random ones."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([[low, high], np.array([1e-4, -1e-4, 0.5, 1, 2, 3]), rng.uniform(low, high, COUNT)])
    return values[(values >= low) & (values <= high)][:COUNT].astype(dtype)


def units_off(found, exact, dtype):
    """The distance of each value from the exact one, in units of the exact one's last place."""
    places = np.spacing(np.abs(np.array([float(e) for e in exact])).astype(dtype)).astype(np.float64)
    return [float(abs(mpmath.mpf(float(f)) - e) / p) for f, e, p in zip(found, exact, places, strict=True)]


def check(program, name, dtype, bound, columns, reference):
    out = np.zeros_like(columns[0])
    program.launch(f"k_{name}", 3, 64, out, columns[0], columns[-1], len(out))
    with mpmath.workprec(150):
        exact = [reference(*map(mpmath.mpf, row)) for row in np.array(columns, np.float64).T.tolist()]
        worst = np.array(units_off(out, [mpmath.mpf(e) for e in exact], dtype))
    at = int(worst.argmax())
    assert worst[at] <= bound + 0.5, (
        f"{name}({[c[at] for c in columns]}) = {out[at]!r}, {worst[at]:.2f} units from {exact[at]}"
    )


floats = compiled("math_float", "sm_80")
doubles = compiled("math_double", "sm_80")


@floats
@pytest.mark.parametrize("name", ONE)
def test_float_functions_keep_their_documented_error(program, name):
    bound, _, low, high, reference = ONE[name]
    check(program, f"{name}f", np.float32, bound, [arguments(np.float32, low, high, 1)], reference)


@doubles
@pytest.mark.parametrize("name", ONE)
def test_double_functions_keep_their_documented_error(program, name):
    _, bound, low, high, reference = ONE[name]
    check(program, name, np.float64, bound, [arguments(np.float64, low, high, 1)], reference)


@floats
@pytest.mark.parametrize("name", TWO)
def test_float_functions_of_two_arguments_keep_their_documented_error(program, name):
    bound, _, low, high, reference = TWO[name]
    check(
        program, f"{name}f", np.float32, bound, [arguments(np.float32, low, high, seed) for seed in (1, 2)], reference
    )


@doubles
@pytest.mark.parametrize("name", TWO)
def test_double_functions_of_two_arguments_keep_their_documented_error(program, name):
    _, bound, low, high, reference = TWO[name]
    check(program, name, np.float64, bound, [arguments(np.float64, low, high, seed) for seed in (1, 2)], reference)
