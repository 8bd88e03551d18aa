"""When a measurement stops: at a median that is known well enough, or at the limit."""

from itertools import count, cycle

import pytest

from harness.timing.sampling import LEAST, MOST, median_error, repeat


def test_constant_samples_stop_at_the_least_number():
    assert len(repeat(lambda: 5.0)) == LEAST


def test_noise_asks_for_more_samples():
    noisy = cycle([1.0, 1.02, 0.98])
    assert LEAST < len(repeat(lambda: next(noisy))) < MOST


def test_hopeless_noise_stops_at_the_limit():
    drift = count(1)
    assert len(repeat(lambda: float(next(drift)))) == MOST


def test_one_outlier_does_not_prolong_a_measurement():
    samples = iter([1.0] * (LEAST - 1) + [50.0] + [1.0] * MOST)
    assert len(repeat(lambda: next(samples))) == LEAST


def test_the_error_shrinks_with_the_root_of_the_number_of_samples():
    few, many = [1.0, 1.1, 0.9] * 4, [1.0, 1.1, 0.9] * 16
    assert median_error(few) == pytest.approx(2 * median_error(many))


def test_a_median_of_zero_has_no_relative_error():
    assert median_error([0.0, 0.0]) == 0.0
