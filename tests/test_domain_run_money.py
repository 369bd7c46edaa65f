"""One study's life with a budget; a second of a slot costs a dollar, ending a job costs seven."""

from mcp_automl.domain.events import (
    Command,
    Decline,
    Finish,
    Launch,
    Outcome,
    Record,
    Retargeted,
    Stop,
    StopRequested,
    Suggest,
    Ticked,
)
from mcp_automl.domain.pace import EpochTime
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import StudyState, TrialState, Waiting
from tests.studies_for_tests import (
    a_config,
    a_run,
    a_suggestion,
    an_offer,
    complete,
    ended,
    launch,
    measured,
)

CAPPED = "cost budget: $3.0000 of the $10.0000 for one trial spent, the rest is set aside to end it"


def not_paid(epoch: str) -> str:
    return (
        f"the rest does not pay for an epoch of the next trial (about {epoch}, and $7.0000 set "
        "aside to end it)"
    )


def states(commands: list[Command]) -> dict[int, TrialState]:
    return {c.trial: c.state for c in commands if isinstance(c, Record)}


def stopped(commands: list[Command]) -> list[int]:
    return [c.trial for c in commands if isinstance(c, Stop)]


def a_trained_run(*, budget: float, **values: float) -> StudyRun:
    """A run whose trials, launched at 0, have measured their first epoch, of a second, at 1.

    Args:
        values: what they measured, by trial: `t0=0.9`.
    """
    run = a_run(budget=budget, n_trials=9)
    for trial in range(len(values)):
        launch(run, trial, epochs=4)
    for trial, value in enumerate(values.values()):
        run.handle(measured(trial, 1, value, at=1.0))
    return run


def test_a_spent_budget_prunes_what_runs_with_its_last_value_and_completes_the_study() -> None:
    run = a_trained_run(budget=20.0, t0=0.4)
    reason = "cost budget: $13.0000 of $20.0000 spent, $7.0000 reserved"

    assert run.handle(Ticked(12.9)) == []
    assert run.handle(Ticked(13.0)) == [Stop(0, reason)]
    assert run.handle(ended(0, Outcome.STOPPED, at=14.0)) == [
        Record(0, TrialState.PRUNED, 0.4, 14.0, reason),
        Finish(
            StudyState.COMPLETE,
            f"cost budget: $14.0000 of $20.0000 spent; {not_paid('$1.5000')}",
        ),
    ]


def test_near_the_ceiling_the_least_promising_trial_is_stopped_and_the_best_finishes() -> None:
    run = a_trained_run(budget=40.0, t0=0.5, t1=0.9, t2=0.7)

    # At 6.2 each has cost that, and seven more to end it: what is left the others claim, whose
    # second epoch is overdue.
    assert run.handle(Ticked(6.1)) == []
    assert stopped(run.handle(Ticked(6.2))) == [0]
    run.handle(ended(0, Outcome.STOPPED, at=6.3))
    assert states(complete(run, 1, at=6.5)) == {1: TrialState.COMPLETE}


def test_how_good_trials_are_is_compared_at_an_epoch_that_all_have_reached() -> None:
    run = a_trained_run(budget=27.0, t0=0.6, t1=0.7)
    run.handle(measured(0, 2, 0.8, at=2.0))

    # Trial 1 was better after one epoch, though trial 0 is better by now.
    assert run.handle(Ticked(6.0)) == []
    assert stopped(run.handle(Ticked(6.4))) == [0]


def test_a_trial_without_a_measurement_is_the_least_promising() -> None:
    run = a_trained_run(budget=40.0, t0=0.1)
    launch(run, 1, at=1.0, epochs=4)

    assert stopped(run.handle(Ticked(13.4))) == [1]


def test_a_trial_that_the_rest_cannot_pay_in_full_runs_until_its_reservation_ends() -> None:
    run = a_run(budget=12.0, epochs=(EpochTime(seconds=1.0, device=""),), n_trials=9)
    launch(run, 0, epochs=100)

    assert run.handle(Ticked(4.9)) == []
    assert stopped(run.handle(Ticked(5.0))) == [0]


def test_nothing_is_launched_of_which_the_rest_does_not_pay_an_epoch() -> None:
    run = a_run(budget=12.0, spent=3.0, n_trials=9, epochs=(EpochTime(seconds=10.0),))
    assert run.begin() == []

    reason = f"cost budget: $3.0000 of $12.0000 spent; {not_paid('$15.0000')}"
    assert run.handle(an_offer(0)) == [Decline("slot-0"), Finish(StudyState.COMPLETE, reason)]


def test_a_suggested_trial_that_is_dearer_than_the_rest_waits_and_ends_the_study() -> None:
    epochs = (EpochTime(seconds=1.0, batch_size=256), EpochTime(seconds=90.0))
    run = a_run(budget=20.0, epochs=epochs)
    run.handle(an_offer(0))
    reason = f"cost budget: $0.0000 of $20.0000 spent; {not_paid('$135.0000')}"

    assert run.handle(a_suggestion(0)) == [
        Record(0, TrialState.WAITING, None, 0.0, f"not launched: {reason}"),
        Decline("slot-0"),
        Finish(StudyState.COMPLETE, reason),
    ]


def test_a_trial_that_was_too_dear_is_suggested_again_once_money_came_free() -> None:
    epochs = (EpochTime(seconds=1.0, batch_size=256), EpochTime(seconds=4.0))
    run = a_run(budget=22.0, epochs=epochs)
    launch(run, 0, epochs=1)
    run.handle(an_offer(1))
    run.handle(a_suggestion(1))
    assert not run.wants_slot

    complete(run, 0, at=1.0)
    assert run.wants_slot


def test_money_that_ran_out_while_nothing_runs_finishes_the_study() -> None:
    run = a_run(budget=10.0, spent=10.0)

    [finish] = run.begin()
    assert isinstance(finish, Finish)
    assert finish.state is StudyState.COMPLETE
    assert finish.reason == (
        "cost budget: $10.0000 of $10.0000 spent; the rest does not pay for an epoch of the next "
        "trial"
    ), "what a slot costs is not known before one is offered"


def test_a_study_whose_budget_is_spent_launches_nothing_when_it_is_asked_for_again() -> None:
    epochs = (EpochTime(seconds=5.0),)
    run = a_run(budget=20.0, spent=9.0, epochs=epochs)
    assert run.begin() == []

    [decline, finish] = run.handle(an_offer(0))
    assert (decline, type(finish)) == (Decline("slot-0"), Finish)


def test_until_the_first_epoch_is_measured_trials_share_and_then_the_newest_gives_way() -> None:
    run = a_run(budget=60.0, n_trials=9)
    for trial in range(3):
        launch(run, trial, epochs=4)

    assert run.handle(Ticked(11.0)) == []
    assert stopped(run.handle(Ticked(11.2))) == [2]
    run.handle(ended(2, Outcome.STOPPED, at=12.0))
    assert run.handle(Ticked(14.0)) == []


def test_a_budget_below_one_epoch_ends_the_study_after_one_trial_for_each_slot() -> None:
    run = a_run(budget=40.0, n_trials=9)
    for trial in range(3):
        launch(run, trial, epochs=4)
    said = [run.handle(Ticked(at / 4)) for at in range(100)]
    ends = [run.handle(ended(trial, Outcome.STOPPED, at=9.0)) for trial in range(3)]

    assert sorted(trial for commands in said for trial in stopped(commands)) == [0, 1, 2]
    assert [states(commands) for commands in ends] == [{n: TrialState.WAITING} for n in range(3)]
    reason = f"cost budget: $27.0000 of $40.0000 spent; {not_paid('$18.0000')}"
    assert ends[-1][-1] == Finish(StudyState.COMPLETE, reason)


def test_a_trial_that_trained_in_vain_before_tells_how_long_an_epoch_takes_at_least() -> None:
    waiting = {0: Waiting(trained_s=60.0, longest_s=30.0)}

    enough = a_run(budget=98.0, spent=30.0, waiting=waiting).handle(an_offer(0))
    assert enough == [Suggest("slot-0")]
    assert len(a_run(budget=97.0, spent=30.0, waiting=waiting).handle(an_offer(0))) == 2


def test_a_job_whose_end_is_told_late_costs_until_its_process_was_gone() -> None:
    run = a_trained_run(budget=60.0, t0=0.5, t1=0.6)
    run.handle(Ticked(9.0))

    [record] = run.handle(ended(0, Outcome.RAISED, at=5.0, reason="no"))
    assert isinstance(record, Record)
    assert record.cost_usd == 5.0
    # The other's meter does not run back: it has cost nine, and seven more to end it.
    assert stopped(run.handle(Retargeted(a_config(budget=21.0), 5.0))) == [1]


def test_what_earlier_attempts_cost_counts_whatever_came_of_them() -> None:
    run = a_run(budget=20.0)
    launch(run, 0)
    run.handle(ended(0, Outcome.RAISED, at=6.0, reason="no"))
    launch(run, 1, at=6.0)

    assert run.handle(Ticked(12.9)) == []
    assert stopped(run.handle(Ticked(13.0))) == [1]


def test_an_interrupted_trial_with_a_value_is_pruned_with_it_before_its_next_epoch() -> None:
    run = a_run(budget=20.0, waiting={0: Waiting(epoch=2, value=0.7)})
    launch(run, 0, epochs=4)
    run.handle(Ticked(13.0))

    [record, _] = run.handle(ended(0, Outcome.STOPPED, at=13.0))
    assert isinstance(record, Record)
    assert (record.state, record.value) == (TrialState.PRUNED, 0.7)


def test_a_trial_that_is_pruned_by_the_pruner_and_the_budget_at_once_is_stopped_once() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)

    assert run.handle(measured(0, 1, at=9.0, prune="behind")) == [Stop(0, "behind")]


def test_a_larger_budget_while_the_last_trial_ends_lets_the_study_go_on() -> None:
    run = a_run(budget=10.0)
    launch(run, 0)
    run.handle(Ticked(8.0))
    run.handle(Retargeted(a_config(budget=100.0), 8.0))

    run.handle(ended(0, Outcome.STOPPED))
    assert run.wants_slot


def test_a_smaller_budget_that_is_spent_already_stops_everything() -> None:
    run = a_trained_run(budget=100.0, t0=0.1, t1=0.2)

    assert stopped(run.handle(Retargeted(a_config(budget=6.0), 5.0))) == [1, 0]


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


def test_a_trial_that_comes_to_its_own_ceiling_is_pruned_and_the_study_goes_on() -> None:
    run = a_run(per_trial=10.0, n_trials=2)
    launch(run, 0)
    run.handle(measured(0, 1, 0.4, at=1.0))
    reason = (
        "cost budget: $3.0000 of the $10.0000 for one trial spent, the rest is set aside to end it"
    )

    assert run.handle(Ticked(2.9)) == []
    assert run.handle(Ticked(3.0)) == [Stop(0, reason)]
    assert run.handle(ended(0, Outcome.STOPPED, at=3.5)) == [
        Record(0, TrialState.PRUNED, 0.4, 3.5, reason)
    ]
    assert run.wants_slot


def test_a_trials_own_ceiling_prunes_it_even_before_its_first_epoch() -> None:
    run = a_run(per_trial=10.0, budget=100.0)
    launch(run, 0)
    run.handle(Ticked(3.0))

    [record, finish] = run.handle(ended(0, Outcome.STOPPED, at=3.5))
    assert isinstance(record, Record)
    assert (record.state, record.value) == (TrialState.PRUNED, None)
    # No trial could come to its first epoch for that.
    assert finish == Finish(
        StudyState.COMPLETE,
        "cost budget: the $10.0000 for one trial does not pay for an epoch (about $7.0000, and "
        "$7.0000 set aside to end it)",
    )


def test_a_waiting_trial_whose_own_ceiling_pays_for_no_epoch_more_is_pruned_unlaunched() -> None:
    waiting = {0: Waiting(epoch=3, value=0.9, spent_usd=3.5)}
    run = a_run(per_trial=10.0, n_trials=2, waiting=waiting)
    run.handle(an_offer(0))
    reason = (
        "cost budget: the $10.0000 for one trial, $3.5000 of it spent, does not pay for an epoch "
        "(besides $7.0000 set aside to end it)"
    )

    assert run.handle(a_suggestion(0)) == [
        Record(0, TrialState.PRUNED, 0.9, 0.0, reason),
        Decline("slot-0"),
    ]
    launch(run, 1)


def test_a_trial_whose_epochs_are_dearer_than_one_trial_may_be_is_pruned_unlaunched() -> None:
    epochs = (EpochTime(seconds=1.0, batch_size=256), EpochTime(seconds=90.0))
    run = a_run(per_trial=50.0, n_trials=2, epochs=epochs)
    run.handle(an_offer(0))

    [record, decline] = run.handle(a_suggestion(0))
    assert isinstance(record, Record)
    assert (record.state, record.value) == (TrialState.PRUNED, None)
    assert decline == Decline("slot-0")


def test_a_trials_own_ceiling_counts_its_earlier_attempts() -> None:
    run = a_run(per_trial=10.0, waiting={0: Waiting(epoch=1, value=0.3, spent_usd=2.0)})
    launch(run, 0)

    reason = (
        "cost budget: $3.0000 of the $10.0000 for one trial spent, the rest is set aside to end it"
    )
    assert run.handle(Ticked(1.0)) == [Stop(0, reason)]


def test_what_epochs_took_elsewhere_refuses_no_launch() -> None:
    # On another device, of other data, with another network: nothing would ever show it here.
    run = a_run(budget=100.0, earlier=(EpochTime(seconds=300.0, device="cpu"),))
    run.handle(an_offer(0))

    assert isinstance(run.handle(a_suggestion(0))[0], Launch)


def test_a_trial_that_is_too_dear_is_not_suggested_again_at_every_epoch_of_another() -> None:
    epochs = (EpochTime(seconds=1.0, batch_size=256), EpochTime(seconds=55.0))
    run = a_run(budget=100.0, epochs=epochs)
    launch(run, 0, epochs=1)
    run.handle(an_offer(1))
    run.handle(a_suggestion(1))
    run.handle(measured(0, 1, at=1.0))

    assert not run.wants_slot


def test_an_attempt_that_stalled_does_not_tell_how_long_an_epoch_takes() -> None:
    run = a_run(budget=1500.0)
    launch(run, 0)
    run.handle(ended(0, Outcome.STALLED, at=900.0, reason="sent nothing"))

    assert run.wants_slot


def test_when_no_money_is_left_a_waiting_trial_is_pruned_with_what_it_had_reached() -> None:
    waiting = {1: Waiting(epoch=3, value=0.9), 2: Waiting()}
    run = a_run(budget=100.0, spent=95.0, n_trials=9, waiting=waiting)

    [_, record, finish] = run.handle(an_offer(0))
    assert isinstance(finish, Finish)
    assert record == Record(1, TrialState.PRUNED, 0.9, 0.0, finish.reason)
