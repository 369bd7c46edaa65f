import pytest

from mcp_automl.domain.outlook import (
    Allowance,
    allowance,
    mean_seconds,
    next_look_seconds,
    remaining_seconds,
)


def test_the_rest_takes_as_long_as_the_latest_trials_did_shared_by_those_in_parallel() -> None:
    mean = mean_seconds([10.0, 20.0])
    remaining = remaining_seconds(missing=6, trial_s=mean, parallel=3)

    assert remaining == pytest.approx(30.0)


def test_the_last_trial_is_not_shared() -> None:
    assert remaining_seconds(missing=1, trial_s=10.0, parallel=3) == 10.0


def test_nothing_missing_takes_no_time() -> None:
    assert remaining_seconds(missing=0, trial_s=10.0, parallel=3) == 0.0


def test_nobody_knows_before_the_first_trial_has_finished() -> None:
    assert mean_seconds([]) is None
    assert remaining_seconds(missing=6, trial_s=None, parallel=3) is None


def test_what_runs_takes_only_what_is_left_of_it() -> None:
    assert remaining_seconds(missing=0, trial_s=10.0, own_ends=[3.0], parallel=3) == 3.0
    assert remaining_seconds(missing=1, trial_s=10.0, own_ends=[3.0, 4.0], parallel=2) == 13.0
    assert remaining_seconds(missing=0, trial_s=10.0, own_ends=[None], parallel=3) is None


def test_what_holds_the_other_slots_is_waited_for() -> None:
    def behind(*others: float | None) -> float | None:
        return remaining_seconds(missing=2, trial_s=10.0, other_ends=others, parallel=2)

    assert behind(100.0, 200.0) == 120.0
    assert behind(None) == 20.0, "one slot is free"
    assert behind(None, None) is None
    assert remaining_seconds(missing=1, trial_s=1.0, parallel=0) is None


@pytest.mark.parametrize(("remaining", "seconds"), [(None, 10), (0.0, 5), (60.0, 20), (9000.0, 60)])
def test_the_next_look_is_worth_its_tokens(remaining: float | None, seconds: int) -> None:
    assert next_look_seconds(remaining) == seconds


def test_a_budget_pays_for_more_trials_at_what_the_others_have_cost() -> None:
    assert allowance(1.0, 0.5, 5) == Allowance(share=0.5, trials=5)
    assert allowance(1.0, 0.85, 5).trials == 0
    assert allowance(1.0, 1.2, 5).trials == 0


def test_before_any_trial_is_done_nobody_knows_what_a_budget_pays() -> None:
    assert allowance(1.0, 0.3, 0).trials is None
    assert allowance(1.0, 0.0, 3).trials is None


def test_a_budget_is_short_from_four_fifths_on() -> None:
    assert not allowance(1.0, 0.79, 5).is_short
    assert allowance(1.0, 0.8, 5).is_short
