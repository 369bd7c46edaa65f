"""Whose models are kept, decided as trials finish one after the other."""

import random

import pytest

from mcp_automl.domain.keeping import Keeping
from mcp_automl.domain.leaderboard import best, top
from mcp_automl.domain.study import Trial, TrialState
from tests.studies_for_tests import ACCURACY, LOSS

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def a_trial(number: int, value: float | None, state: TrialState = COMPLETE) -> Trial:
    return Trial(number=number, state=state, params={}, value=value)


def kept(trials: list[Trial], most: int = 3) -> set[int]:
    return set(Keeping(objective=ACCURACY, most=most).with_finished(trials).numbers)


def test_the_best_are_kept_and_a_complete_trial_before_a_pruned_one_of_any_value() -> None:
    trials = [a_trial(0, 0.99, PRUNED), a_trial(1, 0.1), a_trial(2, 0.9), a_trial(3, 0.5)]
    assert kept(trials) == {1, 2, 3}
    assert kept(trials[:3], most=2) == {1, 2}


def test_pruned_ones_are_kept_where_there_are_no_better() -> None:
    assert kept([a_trial(0, 0.9, PRUNED), a_trial(1, 0.1)]) == {0, 1}


def test_of_failed_trials_and_those_without_a_value_nothing_is_kept() -> None:
    assert kept([a_trial(0, 0.9, FAIL), a_trial(1, None), a_trial(2, float("nan"))]) == set()


def test_none_is_kept_where_none_is_wanted() -> None:
    assert kept([a_trial(0, 0.9)], most=0) == set()


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("objective", [ACCURACY, LOSS])
def test_whatever_the_order_those_kept_are_the_best_of_all_and_the_best_is_never_given_up(
    objective: object, most: int
) -> None:
    rng = random.Random(7)
    for _ in range(200):
        keeping = Keeping(objective=objective, most=most)  # type: ignore[arg-type]
        seen: list[Trial] = []
        for number in rng.sample(range(12), 12):
            state = rng.choice((COMPLETE, PRUNED, FAIL))
            seen.append(a_trial(number, rng.choice((0.1, 0.5, 0.5, 0.9, None)), state))
            before = keeping.numbers
            keeping = keeping.with_finished([seen[-1]])
            expected = top(seen, keeping.objective, most)
            assert keeping.numbers == {trial.number for trial in expected}
            assert keeping.numbers <= before | {number}
            winner = best(seen, keeping.objective)
            assert winner is None or winner.number in keeping.numbers
