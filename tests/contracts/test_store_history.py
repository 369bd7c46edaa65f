"""What holds for every `StudyStore`: what it remembers of the past, and puts in order."""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.study import TrialState
from tests.stores_for_tests import NOW, SIGN, Pair, fake_pair, real_pair, start

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["optuna-sqlite", "fake"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    return fake_pair() if request.param == "fake" else real_pair(tmp_path / "workspace" / "s.db")


# --- history -----------------------------------------------------------------------------------


async def test_history_counts_trials_and_money(pair: Pair) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5, cost=0.25)
    trial = (await pair.attempted(study)).trial
    pruned = Record(trial, TrialState.PRUNED, 0.1, 0.5, "cost budget")
    await pair.store.record(study, pruned, Outcome.STOPPED)
    await pair.failed(study, "boom")

    history = await pair.store.open(study)

    assert history.counted == 2
    assert history.spent_usd == pytest.approx(0.76)
    assert history.waiting == {}


async def test_finished_trials_have_the_values_by_which_they_are_ranked(pair: Pair) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5, 0.9)
    await pair.failed(study, "ValueError: no")
    pruned = (await pair.attempted(study)).trial
    await pair.measure(study, pruned, {1: 0.7})
    record = Record(pruned, TrialState.PRUNED, 0.7, 0.01, "worse than the median")
    await pair.store.record(study, record, Outcome.STOPPED)
    await pair.interrupted(study, Outcome.STOPPED, 1)

    finished = await pair.store.finished(study)

    assert [(t.number, t.state, t.value) for t in finished] == [
        (0, TrialState.COMPLETE, 0.9),
        (2, TrialState.PRUNED, 0.7),
    ]


async def test_history_has_the_failures_since_the_last_success(pair: Pair) -> None:
    study = await pair.started()
    for reason in ("old", None, "first", "second"):
        pair.pass_time(1)
        await (pair.completed(study, 0.5) if reason is None else pair.failed(study, reason))

    assert (await pair.store.open(study)).failures == ("first", "second")


@pytest.mark.parametrize(
    ("attempts", "epoch", "barren"),
    [
        ([(Outcome.KILLED, ())], 0, 1),
        ([(Outcome.KILLED, (1, 2))], 2, 0),
        ([(Outcome.KILLED, (1,)), (Outcome.KILLED, ())], 1, 1),
        ([(Outcome.KILLED, (1,)), (Outcome.KILLED, (1,))], 1, 1),
        ([(Outcome.KILLED, ()), (Outcome.STOPPED, ())], 0, 1),
        ([(Outcome.KILLED, ()), (Outcome.STOPPED, (1,))], 1, 0),
    ],
)
async def test_history_counts_attempts_without_a_new_epoch(
    pair: Pair, attempts: list[tuple[Outcome, tuple[int, ...]]], epoch: int, barren: int
) -> None:
    study = await pair.started()
    for outcome, epochs in attempts:
        await pair.interrupted(study, outcome, *epochs)

    [waiting] = (await pair.store.open(study)).waiting.values()
    assert (waiting.epoch, waiting.barren) == (epoch, barren)


async def test_history_knows_what_an_interrupted_trial_reached_and_has_cost(pair: Pair) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED, 1, 2)
    await pair.interrupted(study, Outcome.KILLED)

    [waiting] = (await pair.store.open(study)).waiting.values()
    assert waiting.value == 0.5
    assert waiting.spent_usd == pytest.approx(0.02)


async def test_history_knows_the_longest_attempt_that_was_stopped(pair: Pair) -> None:
    study = await pair.started()
    interrupted = Record(0, TrialState.WAITING, None, 0.0, "interrupted")
    for seconds, outcome in ((7, Outcome.STOPPED), (5, Outcome.STOPPED), (90, Outcome.STALLED)):
        trial = (await pair.store.ask(study)).trial
        begun = NOW if seconds == 7 else NOW + (7 if seconds == 5 else 12)
        await pair.store.open_attempt(study, start(trial, at=begun))
        pair.pass_time(seconds)
        await pair.store.record(study, interrupted, outcome)

    assert (await pair.store.open(study)).waiting[0].longest_s == pytest.approx(7)


async def test_history_knows_how_long_epochs_took_here_and_in_other_studies(pair: Pair) -> None:
    earlier = await pair.started(name="earlier")
    await pair.completed(earlier, 0.5, 0.6)
    other = await pair.started(name="other", model="llm")
    await pair.completed(other, 0.5)
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED, 1)
    sizes = {e.batch_size for e in (await pair.store.open(earlier)).epochs}

    history = await pair.store.open(study)

    assert [(e.seconds, e.device) for e in history.epochs] == [(2.0, "cuda:0")]
    assert [e.seconds for e in history.earlier_epochs] == [2.0, 2.0]
    assert {e.batch_size for e in history.earlier_epochs} == sizes
    assert sizes <= {32, 64, 128, 256}


async def test_a_waiting_trial_that_is_given_up_has_failed_for_that_reason_and_cost_what_it_did(
    pair: Pair,
) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED, 1)
    await pair.attempted(study)
    pair.pass_time(1)
    await pair.store.recover()
    spent = (await pair.store.open(study)).spent_usd

    await pair.store.record(study, Record(0, TrialState.FAIL, None, 0.0, "given up"), None)
    await pair.store.recover()

    trial = pair.registry.trial(study, 0)
    assert (trial.state, trial.reason, trial.epoch) == (TrialState.FAIL, "given up", 1)
    assert trial.cost_usd == pytest.approx(spent)
    history = await pair.store.open(study)
    assert (history.waiting, history.failures) == ({}, ("given up",))
    assert history.spent_usd == pytest.approx(spent)
    last = (await pair.entries())[-1]
    assert (last.trial, last.state, last.tags["reason"]) == (0, "FAIL", "given up")
    assert (await pair.store.ask(study)).trial == 1


async def test_history_knows_how_long_a_trials_attempts_have_trained(pair: Pair) -> None:
    study = await pair.started()
    await pair.attempted(study)
    pair.pass_time(12)
    interrupted = Record(0, TrialState.WAITING, None, 0.0, "killed")
    await pair.store.record(study, interrupted, Outcome.KILLED)
    pair.pass_time(100)

    assert (await pair.store.open(study)).waiting[0].trained_s == pytest.approx(12)


async def test_history_knows_who_needs_a_device_alone(pair: Pair) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.OUT_OF_MEMORY, shared=True)
    await pair.interrupted(study, Outcome.KILLED)

    assert (await pair.store.open(study)).waiting[0].alone


async def test_running_out_of_memory_alone_asks_for_nothing_more(pair: Pair) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.OUT_OF_MEMORY, shared=False)

    assert not (await pair.store.open(study)).waiting[0].alone


# --- recovery ----------------------------------------------------------------------------------


async def test_recovery_ends_processes_and_sets_their_trials_waiting(pair: Pair) -> None:
    study = await pair.started()
    first, second = await pair.attempted(study), await pair.attempted(study)
    await pair.measure(study, first.trial, {1: 0.5})

    await pair.store.recover()

    assert [ref.pid for ref in pair.killed] == [start(0).process.pid, start(1).process.pid]
    history = await pair.store.open(study)
    standing = {number: (w.epoch, w.barren) for number, w in history.waiting.items()}
    assert standing == {0: (1, 0), 1: (0, 1)}
    assert [await pair.store.ask(study), await pair.store.ask(study)] == [first, second]


@pytest.mark.parametrize(("later", "charged"), [(1000, 15), (12, 12)])
async def test_a_lost_attempt_is_charged_to_its_last_sign_of_life(
    pair: Pair, later: float, charged: float
) -> None:
    study = await pair.started()
    await pair.attempted(study)
    await pair.store.sign(replace(SIGN, alive_at=NOW + 10))
    pair.pass_time(later)

    await pair.store.recover()

    assert (await pair.store.open(study)).spent_usd == pytest.approx(charged * 0.001)
    entry = (await pair.entries())[-1]
    assert (entry.state, entry.tags["reason"]) == (
        "WAITING",
        "interrupted: its orchestrator vanished",
    )


async def test_recovery_takes_back_a_trial_that_never_started(pair: Pair) -> None:
    study = await pair.started()
    suggestion = await pair.store.ask(study)

    await pair.store.recover()

    assert (await pair.store.open(study)).waiting == {}
    assert await pair.store.ask(study) == suggestion


async def test_recovering_twice_changes_nothing_more(pair: Pair) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5)
    await pair.attempted(study)
    await pair.store.recover()
    before = pair.registry.progress(study), await pair.entries()
    pair.pass_time(100)

    await pair.store.recover()

    assert (pair.registry.progress(study), await pair.entries()) == before


@pytest.mark.parametrize("epochs", [(), (1, 2)])
async def test_a_trial_can_end_unlaunched_with_what_it_had_reached(
    pair: Pair, epochs: tuple[int, ...]
) -> None:
    study = await pair.started()
    if epochs:
        await pair.interrupted(study, Outcome.KILLED, *epochs)
    trial = (await pair.store.ask(study)).trial
    record = Record(trial, TrialState.PRUNED, 0.5 if epochs else None, 0.0, "cost budget: spent")
    await pair.store.record(study, record, None)

    ended = pair.registry.trial(study, trial)
    assert (ended.state, ended.reason) == (TrialState.PRUNED, "cost budget: spent")
    assert ended.value == record.value
    assert (await pair.store.open(study)).counted == 1
