"""One study's life with a budget; a second of a slot costs a dollar, so stopping it costs two."""

from mcp_automl.domain.events import (
    Command,
    Decline,
    Finish,
    Outcome,
    Record,
    Retargeted,
    Stop,
    StopRequested,
    Ticked,
)
from mcp_automl.domain.study import StudyState, TrialState
from tests.studies_for_tests import (
    a_run,
    a_suggestion,
    an_offer,
    complete,
    ended,
    launch,
    measured,
)


def states(commands: list[Command]) -> dict[int, TrialState]:
    return {c.trial: c.state for c in commands if isinstance(c, Record)}


def test_a_spent_budget_prunes_what_runs_with_its_last_value_and_completes_the_study() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)
    run.handle(measured(0, 1, 0.4, at=1.0))
    reason = "cost budget: $8.0000 of $10.0000 spent"

    assert run.handle(Ticked(7.9)) == []
    assert run.handle(Ticked(8.0)) == [Stop(0, reason)]
    assert run.handle(ended(0, Outcome.STOPPED, at=9.0)) == [
        Record(0, TrialState.PRUNED, 0.4, 9.0, reason),
        Finish(StudyState.COMPLETE, reason),
    ]


def test_a_budget_that_an_epoch_reaches_stops_the_trial_that_measured_it_too() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)
    launch(run, 1)
    reason = "cost budget: $6.0000 of $10.0000 spent"

    assert run.handle(measured(1, 1, at=3.0)) == [Stop(0, reason), Stop(1, reason)]


def test_a_trial_that_is_pruned_by_the_pruner_and_the_budget_at_once_is_stopped_once() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)

    assert run.handle(measured(0, 1, at=9.0, prune="behind")) == [Stop(0, "behind")]


def test_money_that_ran_out_while_nothing_runs_finishes_the_study() -> None:
    reason = "cost budget: $10.0000 of $10.0000 spent"

    assert a_run(budget=10.0, spent=10.0).begin() == [Finish(StudyState.COMPLETE, reason)]


def test_money_that_runs_out_with_a_trials_end_finishes_the_study() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)

    assert complete(run, 0, at=10.0)[-1] == Finish(
        StudyState.COMPLETE, "cost budget: $10.0000 of $10.0000 spent"
    )


def test_what_earlier_attempts_cost_counts_whatever_came_of_them() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)
    run.handle(ended(0, Outcome.RAISED, at=6.0, reason="no"))
    launch(run, 1, at=6.0)

    assert run.handle(Ticked(7.9)) == []
    assert run.handle(Ticked(8.0)) == [Stop(1, "cost budget: $8.0000 of $10.0000 spent")]


def test_a_trial_that_the_budget_stops_before_its_first_epoch_waits() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)
    run.handle(Ticked(8.0))

    assert states(run.handle(ended(0, Outcome.STOPPED, at=9.0))) == {0: TrialState.WAITING}


def test_nothing_is_launched_whose_stop_the_rest_cannot_pay() -> None:
    run = a_run(budget=10.0, spent=8.0)
    assert run.begin() == []
    run.handle(an_offer(0))
    reason = "cost budget: $8.0000 of $10.0000 spent"

    assert run.handle(a_suggestion(0)) == [
        Record(0, TrialState.WAITING, None, 0.0, f"not launched: {reason}"),
        Decline("slot-0"),
        Finish(StudyState.COMPLETE, reason),
    ]


def test_a_larger_budget_while_the_study_closes_lets_it_go_on() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)
    run.handle(Ticked(8.0))
    run.handle(Retargeted(3, 100.0, 8.0))

    run.handle(ended(0, Outcome.STOPPED))

    assert run.wants_slot


def test_a_smaller_budget_that_is_spent_already_stops_everything() -> None:
    run = a_run(budget=100.0)
    launch(run, 0)
    reason = "cost budget: $5.0000 of $6.0000 spent"

    assert run.handle(Retargeted(3, 6.0, 5.0)) == [Stop(0, reason)]


def test_a_stop_keeps_its_reason_when_the_money_runs_out_meanwhile() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)

    assert run.handle(StopRequested(by_user=True)) == [Stop(0, "stopped by the user")]
    assert run.handle(Ticked(9.0)) == []
    assert run.handle(ended(0, Outcome.STOPPED))[-1] == Finish(
        StudyState.STOPPED, "stopped by the user"
    )


def test_time_that_passes_costs_nothing_where_there_is_no_budget() -> None:
    run = a_run()
    launch(run, 0)

    assert run.handle(Ticked(1e9)) == []
