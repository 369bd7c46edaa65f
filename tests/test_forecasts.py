"""One forecast for all who tell: the status of a study and the queue agree about the time left."""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.domain.queue import Holding
from mcp_automl.domain.quote import TrialCost
from mcp_automl.domain.study import Study, StudyState, TrialState
from tests import fakes_server
from tests.fakes_server import (
    NOW,
    FakeAccounts,
    FakeRegistry,
    a_config,
    a_service,
    a_study,
    a_trial,
)

NAME = "s"


def holding(study: Study, *, begun_s: float) -> Holding:
    return Holding(
        study=study, trial=1, slot=f"cpu/{begun_s}", device="cpu", usd_per_hour=0.05,
        started_at=NOW - begun_s,
    )  # fmt: skip


class House:
    """A study of which one trial took 10 seconds, and who holds slots."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, n_trials: int) -> None:
        self.accounts = FakeAccounts()
        self.registry = FakeRegistry()
        self.study = a_study(StudyState.RUNNING, config=a_config(NAME, n_trials=n_trials))
        self.registry.add(self.study, [a_trial(0)])
        self.holdings: list[Holding] = []
        jobs = fakes_server.FakeJobs
        monkeypatch.setattr(jobs, "holdings", lambda _: self.holdings)
        monkeypatch.setattr(jobs, "unfinished", lambda _: self.registry.studies())
        self.service = a_service(self.registry, home, self.accounts)

    def left(self) -> tuple[float | None, list[float | None], list[float | None]]:
        """By the status; by the queue, of what runs; and until what waits begins."""
        queue = self.service.desk.queue.show()
        held = [it.remaining_s for it in queue.held]
        starts = [it.starts_in_s for it in queue.turns]
        return self.service.status(NAME).remaining_s, held, starts


def test_the_last_trial_takes_what_is_left_of_it_by_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, monkeypatch, n_trials=2)
    house.holdings = [holding(house.study, begun_s=4.0)]
    assert house.left() == (6.0, [6.0], [])


def test_a_trial_that_waits_for_a_slot_ends_as_long_after_it_begins_as_trials_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, monkeypatch, n_trials=2)
    other = a_study(StudyState.RUNNING, config=a_config("other"), id=2)
    house.registry.add(other, [a_trial(0)])
    house.holdings = [holding(other, begun_s=begun) for begun in (1.0, 2.0, 3.0)]
    assert house.left() == (17.0, [9.0, 8.0, 7.0], [7.0])


def test_what_others_like_it_took_is_expected_of_a_first_trial_and_nothing_of_other_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, monkeypatch, n_trials=1)
    house.registry.add(house.study)
    house.holdings = [holding(house.study, begun_s=4.0)]
    assert house.left() == (None, [None], [])
    cost = TrialCost(usd=0.01, seconds=6.0, epochs_max=5, own=False, alike=False)
    house.accounts.trials = [cost]
    assert house.left() == (None, [None], [])
    house.accounts.trials = [TrialCost(usd=0.01, seconds=6.0, epochs_max=5, own=False)]
    assert house.left() == (2.0, [2.0], [])


def test_each_study_is_asked_once_how_long_its_trials_take_however_many_slots_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, monkeypatch, n_trials=9)
    other = a_study(StudyState.RUNNING, config=a_config("other"), id=2)
    house.registry.add(house.study)
    house.registry.add(other)
    house.holdings = [holding(it, begun_s=1.0) for it in (house.study, house.study, other, other)]
    house.service.status(NAME)
    assert sorted(house.accounts.looked_up) == ["other", NAME]


def test_a_long_trial_that_runs_is_expected_of_the_next_ones_too_for_the_first_to_end_are_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, monkeypatch, n_trials=6)
    # It takes 5 + 5 x 5 = 30 s, where the one that has ended took 10: 20 on average.
    running = holding(house.study, begun_s=5.0)
    long = replace(running, epochs=6, epoch=1, epoch_s=5.0, measured_at=NOW)
    house.holdings = [long]
    # Two other slots take two trials each, of 20 s.
    assert house.left()[0] == 40.0


def test_a_trial_that_was_taken_up_again_counts_with_the_epochs_of_its_earlier_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, monkeypatch, n_trials=6)
    # Of 10 epochs of 3 seconds, one is left; with the trial that took 10, 20 seconds on average.
    young = replace(holding(house.study, begun_s=1.0), measured_at=NOW)
    house.holdings = [replace(young, epochs=10, epoch=9, epoch_s=3.0)]
    # It ends after 3; four others then take turns in three slots, one of them from 20 on.
    assert house.left()[0] == 40.0


@pytest.mark.parametrize(
    ("budget", "done", "begun", "left"),
    [
        # One trial of one cent is done; the one that runs ends in 6 s.
        (0.005, 1, 4.0, 6.0),
        (0.0150, 1, 4.0, 6.0),
        (0.005, 1, None, 0.0),
        (0.005, 0, None, 0.0),
        (0.02, 1, None, 10.0),
        (1.0, 1, None, 20.0),
    ],
)
def test_no_time_is_left_for_trials_that_the_budget_does_not_pay_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    budget: float,
    done: int,
    begun: float | None,
    left: float,
) -> None:
    house = House(tmp_path, monkeypatch, n_trials=6)
    config = a_config(NAME, n_trials=6, budget=budget)
    house.study = a_study(StudyState.RUNNING, config=config)
    state = TrialState.COMPLETE if done else TrialState.FAIL
    house.registry.add(house.study, [a_trial(0, state=state)])
    house.holdings = [] if begun is None else [holding(house.study, begun_s=begun)]
    assert house.left()[0] == left
