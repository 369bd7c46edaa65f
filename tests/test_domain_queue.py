"""Who waits, in which order and how long, forecast from measured times."""

from mcp_automl.domain.queue import Holding, Waiting, turns
from mcp_automl.domain.training_job import Priority
from mcp_automl.domain.turns import Claim
from tests.fakes_server import a_study

NOW = 1_000.0


def holding(
    *, epoch: int = 0, epoch_s: float | None = None, measured_at: float | None = None
) -> Holding:
    return Holding(
        study=a_study(), trial=3, slot="cpu/0", device="cpu", usd_per_hour=0.05,
        started_at=NOW - 10, epoch=epoch, epochs=5, epoch_s=epoch_s, measured_at=measured_at,
    )  # fmt: skip


def waiting(
    id: int, *, trial_s: float | None, priority: Priority = Priority.NORMAL, since: float = 0.0
) -> Waiting:
    it = Claim(id=id, priority=priority, held=0, since=NOW - since)
    return Waiting(study=a_study(id=id), claim=it, missing=2, trial_s=trial_s)


def planned(*waits: Waiting, ends: tuple[float | None, ...], slots: int) -> list[object]:
    found = turns(waits, ends_in_s=ends, slots=slots, now=NOW)
    return [(it.waiting.claim.id, it.starts_in_s) for it in found]


def test_a_training_ends_when_its_epochs_to_come_have_taken_as_long_as_those_before() -> None:
    after_two = holding(epoch=2, epoch_s=4.0, measured_at=NOW - 1)
    assert after_two.remaining_s(NOW, trial_s=99.0) == 11.0


def test_before_its_first_epoch_a_training_is_expected_to_take_as_long_as_others_did() -> None:
    assert holding().remaining_s(NOW, trial_s=30.0) == 20.0
    assert holding().remaining_s(NOW, trial_s=None) is None


def test_a_training_that_takes_longer_than_expected_may_end_any_moment() -> None:
    assert holding(epoch=4, epoch_s=1.0, measured_at=NOW - 60).remaining_s(NOW, None) == 0.0


def test_who_waits_gets_the_slots_in_turn_as_they_come_free() -> None:
    first, second = waiting(1, trial_s=5.0, since=2), waiting(2, trial_s=5.0, since=1)
    urgent = waiting(3, trial_s=100.0, priority=Priority.URGENT)
    assert planned(first, second, urgent, ends=(10.0, 20.0), slots=2) == [
        (3, 10.0), (1, 20.0), (2, 25.0),
    ]  # fmt: skip


def test_a_free_slot_is_taken_at_once() -> None:
    assert planned(waiting(1, trial_s=5.0), ends=(10.0,), slots=2) == [(1, 0.0)]


def test_where_nothing_tells_how_long_a_training_takes_no_wait_is_invented() -> None:
    unknown, after = waiting(1, trial_s=None, since=2), waiting(2, trial_s=1.0, since=1)
    assert planned(unknown, after, ends=(3.0,), slots=1) == [(1, 3.0), (2, None)]
    assert planned(after, ends=(None,), slots=1) == [(2, None)]


def test_more_trainings_than_slots_are_no_reason_to_fail() -> None:
    assert planned(waiting(1, trial_s=1.0), ends=(), slots=0) == [(1, None)]
