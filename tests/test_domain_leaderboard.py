import math

from mcp_automl.domain.leaderboard import best, ranked, top
from mcp_automl.domain.study import Trial, TrialState
from tests.studies_for_tests import ACCURACY, LOSS

COMPLETE, PRUNED = TrialState.COMPLETE, TrialState.PRUNED


def a_trial(number: int, value: float | None, state: TrialState = COMPLETE) -> Trial:
    return Trial(number=number, state=state, params={}, value=value)


def numbers(trials: list[Trial]) -> list[int]:
    return [trial.number for trial in trials]


def test_the_best_trial_comes_first_whichever_way_the_objective_points() -> None:
    trials = [a_trial(0, 0.2), a_trial(1, 0.9), a_trial(2, 0.5)]

    assert numbers(ranked(trials, ACCURACY)) == [1, 2, 0]
    assert numbers(ranked(trials, LOSS)) == [0, 2, 1]


def test_a_complete_trial_beats_a_pruned_one_of_any_value() -> None:
    trials = [a_trial(0, 0.99, PRUNED), a_trial(1, 0.1)]

    assert best(trials, ACCURACY) == trials[1]


def test_the_best_pruned_trial_is_best_where_none_is_complete() -> None:
    trials = [a_trial(0, 0.3, PRUNED), a_trial(1, 0.4, PRUNED), a_trial(2, 0.9, TrialState.FAIL)]

    assert best(trials, ACCURACY) == trials[1]


def test_equal_values_keep_the_order_of_their_numbers() -> None:
    assert numbers(ranked([a_trial(7, 0.5), a_trial(3, 0.5)], ACCURACY)) == [3, 7]


def test_trials_without_a_finite_value_are_not_ranked() -> None:
    running = a_trial(4, 0.9, TrialState.RUNNING)
    trials = [a_trial(0, None), a_trial(1, math.nan), a_trial(2, math.inf), running]

    assert ranked(trials, ACCURACY) == []
    assert best(trials, ACCURACY) is None


def test_the_top_is_as_long_as_asked_for_or_as_there_are_trials() -> None:
    trials = [a_trial(n, n / 10) for n in range(4)]

    assert numbers(top(trials, ACCURACY, 2)) == [3, 2]
    assert len(top(trials, ACCURACY, 9)) == 4
