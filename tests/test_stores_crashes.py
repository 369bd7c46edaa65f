"""A kill may fall before any commit: whatever was done by then, nothing is lost or doubled."""

import sqlite3
from collections import Counter
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import ProcessRef
from mcp_automl.domain.study import Study, StudyState, TrialState
from mcp_automl.domain.tracking import EntryKind
from mcp_automl.stores.optuna import OptunaStore
from tests.stores_for_tests import CONFIG, SIGN, Pair, real_pair

pytestmark = pytest.mark.anyio

VALUES = {1: 0.1, 2: 0.2}


class Killed(Exception):
    """Stands in for SIGKILL: raised where the process would have been no more."""


class Doomed(sqlite3.Connection):
    """Raises before a commit once `commits` are used up; Optuna's and ours both count."""

    commits: ClassVar[int] = 10**9

    def commit(self) -> None:
        self._count()
        super().commit()

    def execute(self, *args: Any) -> sqlite3.Cursor:
        if args[0] == "COMMIT":
            self._count()
        return super().execute(*args)

    @staticmethod
    def _count() -> None:
        Doomed.commits -= 1
        if Doomed.commits < 0:
            raise Killed


async def run_on(pair: Pair, name: str) -> None:
    """What an orchestrator does from its start: recover, and run the study to its end."""
    await pair.store.sign(SIGN)
    await pair.store.recover()
    study = pair.registry.find(name)
    assert study is not None
    if not study.state.should_run:
        return
    if not (await pair.store.open(study)).counted:
        trial = (await pair.attempted(study)).trial
        await pair.measure(study, trial, VALUES)
        record = Record(trial, TrialState.COMPLETE, 0.2, 0.01, "")
        await pair.store.record(study, record, Outcome.COMPLETED)
    assert await pair.store.finish(study, StudyState.COMPLETE, "done")


async def check(pair: Pair, study: Study) -> None:
    (trial,) = pair.registry.trials(study, list(TrialState))
    assert (trial.number, trial.state, trial.value) == (0, TrialState.COMPLETE, 0.2)
    cost = pair.registry.trial(study, 0).cost_usd
    assert pair.registry.progress(study).cost_usd == pytest.approx(cost)
    assert cost >= 0.01
    entries = await pair.entries()
    assert Counter((e.kind, e.epoch) for e in entries if e.state != "WAITING") == Counter(
        [
            (EntryKind.STUDY_STARTED, 0),
            (EntryKind.TRIAL_STARTED, 0),
            *((EntryKind.MEASURED, epoch) for epoch in VALUES),
            (EntryKind.TRIAL_ENDED, 0),
            (EntryKind.STUDY_ENDED, 0),
        ]
    )


def intermediate_values(path: Path) -> dict[int, float]:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT step, intermediate_value FROM trial_intermediate_values"
        return dict(connection.execute(query))


async def test_a_kill_before_any_commit_of_a_studys_life_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))
    for kills in range(100):
        path = tmp_path / f"{kills}.db"
        first = real_pair(path)
        study = first.registry.create(CONFIG)
        monkeypatch.setattr(Doomed, "commits", kills)
        with suppress(Killed):
            await run_on(first, CONFIG.name)
            break
        monkeypatch.setattr(Doomed, "commits", 10**9)
        second = real_pair(path)

        await run_on(second, CONFIG.name)

        await check(second, study)
        assert intermediate_values(path) == VALUES
    # At the least: sign, open, first trial, ask, attempt, four for two reports, three at the end.
    assert 12 < kills < 99


async def test_a_kill_before_a_suggestion_is_stored_keeps_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))
    first = real_pair(path)
    study = await first.started()
    await first.completed(study, 0.5)
    # The trial with all its parameters is one commit.
    monkeypatch.setattr(Doomed, "commits", 0)
    with pytest.raises(Killed):
        await first.store.ask(study)
    monkeypatch.setattr(Doomed, "commits", 10**9)
    second = real_pair(path)

    await second.store.recover()

    await second.store.open(study)
    suggestion = await second.store.ask(study)
    assert suggestion.trial == 1
    assert suggestion.params.keys() == CONFIG.default.keys()


async def test_a_kill_in_the_middle_of_recovery_is_recovered_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))
    first = real_pair(path)
    study = await first.started()
    suggestions = [await first.attempted(study) for _ in range(3)]
    for commits in range(20):
        monkeypatch.setattr(Doomed, "commits", commits)
        try:
            await real_pair(path).store.recover()
        except Killed:
            continue
        break
    assert commits >= len(suggestions)
    monkeypatch.setattr(Doomed, "commits", 10**9)
    last = real_pair(path)

    history = await last.store.open(study)

    assert list(history.waiting) == [0, 1, 2]
    assert [await last.store.ask(study) for _ in suggestions] == suggestions
    lost = [e for e in await last.entries() if e.kind is EntryKind.TRIAL_ENDED]
    assert len(lost) == 3


async def test_a_kill_while_a_trial_is_given_up_leaves_it_failed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))
    record = Record(0, TrialState.FAIL, None, 0.0, "given up")
    for commits in range(20):
        path = tmp_path / f"{commits}.db"
        first = real_pair(path)
        study = await first.started()
        await first.interrupted(study, Outcome.KILLED)
        monkeypatch.setattr(Doomed, "commits", commits)
        with suppress(Killed):
            await first.store.record(study, record, None)
        all_done, Doomed.commits = Doomed.commits >= 0, 10**9
        second = real_pair(path)

        await second.store.recover()

        history = await second.store.open(study)
        # Before the first commit nothing was stored, and who opens the study gives it up again.
        assert history.failures == (("given up",) if commits else ())
        assert list(history.waiting) == ([] if commits else [0])
        state = second.registry.trial(study, 0).state
        assert state is (TrialState.FAIL if commits else TrialState.WAITING)
        if all_done:
            break
    assert commits == 2


async def test_a_process_is_dead_before_its_attempt_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    first = real_pair(path)
    study = await first.started()
    await first.attempted(study)

    def will_not_die(process: ProcessRef) -> None:
        raise Killed

    with pytest.raises(Killed):
        await OptunaStore(path, kill=will_not_die).recover()

    second = real_pair(path)
    await second.store.recover()
    assert [process.pid for process in second.killed] == [1000]


async def test_an_epoch_that_optuna_was_not_told_of_is_told_by_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))
    first = real_pair(path)
    study = await first.started()
    trial = (await first.attempted(study)).trial
    monkeypatch.setattr(Doomed, "commits", 1)
    with pytest.raises(Killed):
        await first.measure(study, trial, {1: 0.1})
    monkeypatch.setattr(Doomed, "commits", 10**9)
    assert intermediate_values(path) == {}

    await real_pair(path).store.recover()

    assert intermediate_values(path) == {1: 0.1}
