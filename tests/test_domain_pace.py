"""Forecasts of epochs, from epochs that were measured."""

import math
import random

import pytest

from mcp_automl.domain.pace import KEPT, LONGEST_FACTOR, STARTS, EpochTime, Pace, upper


def epochs(*seconds: float, batch_size: int | None = 64, device: str = "cpu") -> list[EpochTime]:
    return [EpochTime(seconds=s, batch_size=batch_size, device=device) for s in seconds]


def test_nothing_is_forecast_from_nothing() -> None:
    pace = Pace()

    assert pace.epoch_s(64, "cpu") is None
    assert pace.shortest_s() == pace.least_s(64, "cpu") == 0.0
    assert pace.start_s == 0.0


def test_a_single_epoch_is_believed_half_as_long_again() -> None:
    assert upper([10.0]) == 15.0


def test_equal_epochs_are_expected_again() -> None:
    assert upper([10.0] * 5) == pytest.approx(10.0)


def test_the_limit_is_the_prediction_limit_of_the_logarithms() -> None:
    # ln: 0 and 1; mean 0.5, sd 0.7071, t(0.9, 1) 3.078: far above the longest, which bounds it.
    assert upper([1.0, math.e]) == pytest.approx(LONGEST_FACTOR * math.e)
    # Three values, t(0.9, 2) 1.886: exp(ln 10 + 1.886 * 0.1 * sqrt(1 + 1/3)).
    logs = [math.log(10) - 0.1, math.log(10), math.log(10) + 0.1]
    expected = 10 * math.exp(1.886 * 0.1 * math.sqrt(4 / 3))
    assert upper([math.exp(log) for log in logs]) == pytest.approx(expected)


def test_nine_epochs_in_ten_keep_their_forecast() -> None:
    rng = random.Random(1)
    kept = 0
    for _ in range(2000):
        known = [rng.lognormvariate(3.0, 0.15) for _ in range(6)]
        kept += rng.lognormvariate(3.0, 0.15) <= upper(known)

    assert 0.88 < kept / 2000 < 0.93


def test_an_epoch_that_took_no_time_at_all_is_no_error() -> None:
    assert upper([0.0, 0.0]) < 1e-5


def test_the_epochs_most_alike_decide() -> None:
    earlier = (*epochs(50.0), *epochs(90.0, batch_size=32))
    pace = Pace(earlier=earlier)
    assert pace.epoch_s(32, "cpu") == 90.0 * LONGEST_FACTOR, "earlier, same batch size"
    assert pace.epoch_s(32, "cpu") == 90.0 * LONGEST_FACTOR, "asked again"

    pace.measured(*epochs(20.0))
    assert pace.epoch_s(64, "cpu") == 20.0 * LONGEST_FACTOR, "of this study, same batch size"
    assert pace.epoch_s(32, "cpu") == 20.0 * LONGEST_FACTOR, "of this study, other batch size"
    assert pace.epoch_s(64, "cpu", (7.0, 7.0)) == pytest.approx(7.0), "the trial's own"
    assert pace.epoch_s(64, "cpu", (7.0,)) == 20.0 * LONGEST_FACTOR, "one of its own says little"
    assert pace.epoch_s(64, "cuda:0") == upper([20.0, 50.0, 90.0]), "any, for another device"


def test_the_shortest_epoch_is_that_of_the_quickest_kind_of_trial() -> None:
    pace = Pace()
    for epoch in (*epochs(30.0, batch_size=32), *epochs(10.0, batch_size=256)):
        pace.measured(epoch)

    assert pace.shortest_s() == 10.0 * LONGEST_FACTOR


def test_what_a_trial_takes_at_least_is_learned_from_this_study_on_its_device_alone() -> None:
    pace = Pace(earlier=tuple(epochs(900.0)), at_least_s=3.0)
    assert pace.shortest_s() == pace.least_s(64, "cpu") == 6.0

    pace.measured(*epochs(20.0))
    pace.started(2.0)
    assert pace.least_s(64, "cpu") == 20.0 * LONGEST_FACTOR + 2.0
    assert pace.least_s(64, "cuda:0") == 6.0


def test_only_the_latest_epochs_and_starts_count() -> None:
    pace = Pace()
    for seconds in (100.0, *[1.0] * KEPT):
        pace.measured(*epochs(seconds))
    for seconds in (100.0, *[1.0] * STARTS):
        pace.started(seconds)

    assert pace.epoch_s(64, "cpu") == pytest.approx(1.0)
    assert pace.start_s == 1.0


def test_an_epoch_takes_at_least_as_long_as_one_was_waited_for_in_vain() -> None:
    pace = Pace(at_least_s=5.0)
    pace.waited(3.0)
    assert pace.at_least_s == 5.0
    pace.waited(9.0)
    assert pace.at_least_s == 9.0
