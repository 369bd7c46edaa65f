"""Whether a win is real: values in, verdict out."""

import statistics

import pytest

from mcp_automl.domain.verification import verify
from tests.studies_for_tests import ACCURACY, LOSS


def test_equal_configurations_differ_within_the_noise() -> None:
    found = verify([0.95, 0.97, 0.96], [0.95, 0.97, 0.96], ACCURACY)
    assert found.difference == 0 and not found.is_better and not found.is_worse


def test_a_difference_that_luck_may_make_is_within_the_noise() -> None:
    found = verify([0.95, 0.99, 0.97], [0.94, 0.98, 0.96], ACCURACY)
    assert found.difference == pytest.approx(0.01)
    assert found.noise > 0.01 and not found.is_better


def test_a_difference_far_beyond_the_spread_is_better() -> None:
    assert verify([0.95, 0.96, 0.97], [0.31, 0.28, 0.35], ACCURACY).is_better


def test_what_is_to_be_small_is_better_when_it_is_smaller() -> None:
    assert verify([2.0, 2.1, 2.2], [9.0, 9.2, 9.1], LOSS).is_better
    assert verify([9.0, 9.2, 9.1], [2.0, 2.1, 2.2], LOSS).is_worse


def test_the_noise_is_welchs_bound() -> None:
    # Equal sizes and spreads: four degrees of freedom, t = 2.776.
    one, other = [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]
    error = (statistics.variance(one) / 3 + statistics.variance(other) / 3) ** 0.5
    assert verify(one, other, ACCURACY).noise == pytest.approx(2.776 * error)


def test_many_seeds_narrow_the_noise_to_little_more_than_two_errors() -> None:
    values = [1.0, 2.0] * 10
    error = (2 * statistics.variance(values) / 20) ** 0.5
    assert verify(values, values, ACCURACY).noise == pytest.approx(2.2 * error)


def test_where_seeds_change_nothing_luck_was_never_at_work() -> None:
    found = verify([0.9, 0.9], [0.8, 0.8], ACCURACY)
    assert found.noise == 0 and not found.seeds_matter
    assert verify([0.9, 0.91], [0.8, 0.8], ACCURACY).seeds_matter


def test_a_single_value_has_no_spread() -> None:
    assert verify([0.9], [0.8], ACCURACY).best.spread == 0
