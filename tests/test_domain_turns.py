"""Whose turn it is when a slot comes free."""

import pytest

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.training_job import Priority, TrainingJob, is_job_name, job_name
from mcp_automl.domain.turns import READY_SECONDS, RISE_SECONDS, Claim, in_turn

URGENT, NORMAL, BACKGROUND = Priority


def claim(
    id: int, priority: Priority = NORMAL, *, held: int = 0, since: float = 0.0, ready: bool = True
) -> Claim:
    return Claim(id=id, priority=priority, held=held, since=since, ready=ready)


def order(*claims: Claim, now: float = 0.0) -> list[int]:
    return [it.id for it in in_turn(claims, now)]


def test_an_urgent_job_comes_before_all_others_and_a_background_one_after() -> None:
    assert order(claim(1, BACKGROUND), claim(2), claim(3, URGENT)) == [3, 2, 1]


def test_among_equals_who_holds_fewer_slots_comes_first() -> None:
    assert order(claim(1, held=2), claim(2, held=0), claim(3, held=1)) == [2, 3, 1]


def test_among_equals_with_as_many_slots_who_was_served_last_comes_last() -> None:
    assert order(claim(1, since=20), claim(2, since=10), now=30) == [2, 1]


def test_who_waits_in_vain_rises_so_that_nothing_starves() -> None:
    old, fresh = claim(1, BACKGROUND, since=0), claim(2, held=1, since=RISE_SECONDS)
    assert order(old, fresh, now=RISE_SECONDS - 1) == [2, 1]
    assert order(old, fresh, now=RISE_SECONDS) == [1, 2]


def test_nobody_rises_above_urgent() -> None:
    assert claim(1, NORMAL).rank(100 * RISE_SECONDS) == URGENT.rank == 0


def test_a_slot_is_kept_for_an_urgent_job_for_the_moment_in_which_its_data_is_fetched() -> None:
    job = claim(1, URGENT, ready=False)
    assert job.holds_back(READY_SECONDS - 1)
    assert not job.holds_back(READY_SECONDS)
    assert not claim(1, NORMAL, ready=False).holds_back(1)


def test_nobody_waits_for_one_who_waits_for_what_is_somebody_elses() -> None:
    assert not claim(1).holds_back(RISE_SECONDS)
    assert not claim(1, URGENT).holds_back(1)


def test_room_that_jobs_of_ours_hold_is_kept_for_who_has_waited_long_and_for_what_is_urgent() -> (
    None
):
    assert not claim(1).keeps(RISE_SECONDS - 1)
    assert claim(1).keeps(100 * RISE_SECONDS)
    assert claim(1, URGENT).keeps(0)


def test_a_priority_is_read_as_people_write_it() -> None:
    assert Priority.of(" Urgent ") is URGENT
    assert Priority.of(None) is NORMAL
    with pytest.raises(InvalidRequest, match="one of 'urgent', 'normal', 'background', not 'now'"):
        Priority.of("now")


def test_jobs_have_names_that_no_study_can_have() -> None:
    assert is_job_name(job_name(7)) and is_job_name("JOB-7")
    assert not is_job_name("job-7a") and not is_job_name("my-job-7")


def test_every_training_of_a_job_has_a_seed() -> None:
    with pytest.raises(InvalidRequest, match="each with a seed"):
        TrainingJob(points=({"lr": 0.1}, {"lr": 0.2}), seeds=(1,))


def test_a_jobs_space_is_made_of_its_points() -> None:
    job = TrainingJob(points=({"lr": 0.1, "epochs": 2}, {"lr": 0.2, "epochs": 2}), seeds=(1, 1))
    choices = {name: it.choices for name, it in job.space.parameters.items()}  # type: ignore[union-attr]
    assert choices == {"lr": (0.1, 0.2), "epochs": (2,)}
