import math
from dataclasses import replace
from typing import Any

import pytest

from mcp_automl.domain.errors import AutomlError, InvalidRequest, StudyNotFound
from mcp_automl.domain.study import Measurement, StudyState, Target, TrialState, counted
from tests.studies_for_tests import ACCURACY, LOSS, a_config


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n_trials": 0}, "n_trials must be from 1 to 10000, not 0"),
        ({"n_trials": 1_000_000}, "n_trials must be from 1 to 10000, not 1000000"),
        ({"epochs_max": 0}, "epochs_max must be from 1 to 10000, not 0"),
        ({"epochs_max": 10_001}, "epochs_max must be from 1 to 10000, not 10001"),
        ({"cost_budget_usd": 0.0}, "positive number of dollars"),
        ({"cost_budget_usd": -1.0}, "positive number of dollars"),
        ({"cost_budget_usd": math.nan}, "positive number of dollars"),
        ({"cost_budget_usd": math.inf}, "positive number of dollars"),
        ({"objectives": ()}, "at least one objective"),
        ({"constants": {"lr": 0.1, "width": 8}}, "^lr cannot be both fixed and searched"),
    ],
)
def test_a_study_that_cannot_run_is_refused_with_what_would_be_valid(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says):
        replace(a_config(), **change)


@pytest.mark.parametrize(
    "change", [{"n_trials": 10_000}, {"n_trials": 1}, {"cost_budget_usd": 0.01}]
)
def test_a_study_at_the_limits_is_accepted(change: dict[str, Any]) -> None:
    replace(a_config(), **change)


def test_the_first_objective_decides() -> None:
    assert replace(a_config(), objectives=(LOSS, ACCURACY)).objective is LOSS


def test_better_means_larger_or_smaller_as_the_objective_says() -> None:
    assert ACCURACY.better(0.9, 0.8)
    assert not ACCURACY.better(0.8, 0.8)
    assert LOSS.better(0.1, 0.2)
    assert not LOSS.better(0.2, 0.1)


def test_complete_and_pruned_trials_count_and_failed_ones_do_not() -> None:
    assert counted({TrialState.COMPLETE: 4, TrialState.PRUNED: 2, TrialState.FAIL: 9}) == 6


def test_running_and_waiting_trials_are_not_finished() -> None:
    finished = {state for state in TrialState if state.is_finished}

    assert finished == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}


def test_only_queued_and_running_studies_should_run() -> None:
    assert {s for s in StudyState if s.should_run} == {StudyState.QUEUED, StudyState.RUNNING}


def test_epochs_are_counted_from_one() -> None:
    with pytest.raises(InvalidRequest, match="counted from 1"):
        Measurement(epoch=0, metrics={}, seconds=1.0)


@pytest.mark.parametrize(
    ("metrics", "value"),
    [
        ({"val_accuracy": 0.5}, 0.5),
        ({"val_accuracy": math.nan}, None),
        ({"val_accuracy": -math.inf}, None),
        ({"val_loss": 0.5}, None),
    ],
)
def test_a_measurement_has_a_value_only_where_the_objective_is_a_finite_number(
    metrics: dict[str, float], value: float | None
) -> None:
    assert Measurement(epoch=1, metrics=metrics, seconds=1.0).value(ACCURACY) == value


def test_an_error_says_what_to_do_though_nobody_wrote_a_message() -> None:
    assert "call list_automl_studies" in str(StudyNotFound())
    assert str(StudyNotFound("no study 'x'")) == "no study 'x'"
    assert isinstance(StudyNotFound(), LookupError)
    assert isinstance(StudyNotFound(), AutomlError)


def test_a_target_changes_what_it_says_and_nothing_else() -> None:
    config = a_config(n_trials=3, budget=1.0, per_trial=0.1)

    assert Target().applied_to(config) == config
    assert Target(n_trials=5).applied_to(config) == a_config(n_trials=5, budget=1.0, per_trial=0.1)
    both = Target(cost_budget_usd=2.0, max_cost_per_trial_usd=0.5)
    assert both.applied_to(config) == a_config(n_trials=3, budget=2.0, per_trial=0.5)


def test_a_target_knows_whether_it_says_what_may_be_spent() -> None:
    assert not Target(n_trials=5).has_ceiling
    assert Target(cost_budget_usd=2.0).has_ceiling
    assert Target(max_cost_per_trial_usd=2.0).has_ceiling


@pytest.mark.parametrize("usd", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("argument", ["cost_budget_usd", "max_cost_per_trial_usd"])
def test_a_ceiling_that_is_no_sum_of_money_is_refused_by_name(argument: str, usd: float) -> None:
    with pytest.raises(InvalidRequest, match=f"{argument} must be a positive number of dollars"):
        Target(**{argument: usd})  # type: ignore[arg-type]
