"""Deleting a study while an orchestrator is about to open it, and kills in the middle of either."""

import sqlite3
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mcp_automl.domain.errors import NameTaken
from mcp_automl.domain.study import StudyState, TrialState
from tests.deletion_for_tests import OPTUNAS, delete, ended, rows
from tests.stores_for_tests import CONFIG, Pair, real_pair
from tests.test_stores_crashes import Doomed, Killed

pytestmark = pytest.mark.anyio


async def test_an_orchestrator_that_opens_a_study_after_its_deletion_leaves_no_trace(
    pair: Pair, path: Path
) -> None:
    study = pair.registry.create(CONFIG)
    (taken_up,) = await pair.store.should_run()
    await delete(path, pair.registry.stop(study.id))

    history = await pair.store.open(taken_up)

    assert not history.wanted
    assert not await pair.store.finish(taken_up, StudyState.STOPPED, "stopped by the user")
    for table in OPTUNAS:
        assert rows(path, f"SELECT COUNT(*) FROM {table}") == [(0,)], table
    assert pair.registry.studies() == []
    new = await pair.started()
    assert await pair.completed(new, 0.5) == 0


async def test_one_that_opens_it_when_the_name_is_taken_again_disturbs_nothing(
    pair: Pair, path: Path
) -> None:
    study = pair.registry.create(CONFIG)
    (taken_up,) = await pair.store.should_run()
    await delete(path, pair.registry.stop(study.id))
    new = await pair.started()
    await pair.completed(new, 0.5)

    with pytest.raises(NameTaken):
        await pair.store.open(taken_up)

    assert not await pair.store.finish(taken_up, StudyState.FAILED, "the name is taken")
    assert [t.value for t in pair.registry.trials(new, list(TrialState))] == [0.5]


async def test_a_kill_before_a_deleted_studys_opening_is_undone_leaves_it_to_the_next_orchestrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))

    async def opened(path: Path, commits: int) -> int:
        """Opens a study after its deletion; returns how many commits were left."""
        pair = real_pair(path)
        study = pair.registry.create(CONFIG)
        await delete(path, pair.registry.stop(study.id))
        monkeypatch.setattr(Doomed, "commits", commits)
        with suppress(Killed):
            await pair.store.open(study)
        left = Doomed.commits
        monkeypatch.setattr(Doomed, "commits", MANY)
        return left

    needed = MANY - await opened(tmp_path / "whole.db", MANY)
    assert await opened(tmp_path / "s.db", needed - 1) == -1
    assert rows(tmp_path / "s.db", "SELECT number FROM trials") == [(0,)]

    await real_pair(tmp_path / "s.db").store.recover()

    for table in OPTUNAS:
        assert rows(tmp_path / "s.db", f"SELECT COUNT(*) FROM {table}") == [(0,)], table


MANY = 10**6
UNDESCRIBED = 6
"""After as many commits Optuna's study is there, and it does not say yet whose it is."""


async def test_a_kill_before_optunas_study_says_whose_it_is_keeps_no_name_from_being_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))
    path = tmp_path / "s.db"
    first = real_pair(path)
    study = first.registry.create(CONFIG)
    monkeypatch.setattr(Doomed, "commits", UNDESCRIBED)
    with pytest.raises(Killed):
        await first.store.open(study)
    assert rows(path, "SELECT study_name FROM studies") == [(CONFIG.name,)]
    assert rows(path, "SELECT * FROM study_user_attributes") == []
    monkeypatch.setattr(Doomed, "commits", MANY)
    second = real_pair(path)

    await delete(path, second.registry.stop(study.id))

    assert rows(path, "SELECT COUNT(*) FROM studies") == [(0,)]
    assert second.registry.create(CONFIG).state is StudyState.QUEUED


async def test_a_kill_in_the_middle_of_a_deletion_deletes_nothing(
    pair: Pair, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = await ended(pair, 0.5)
    before = [rows(path, f"SELECT * FROM {table} ORDER BY 1") for table in OPTUNAS]
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Doomed))
        patched.setattr(Doomed, "commits", 0)
        with pytest.raises(Killed):
            await delete(path, study)

    assert [rows(path, f"SELECT * FROM {table} ORDER BY 1") for table in OPTUNAS] == before
    assert pair.registry.find(CONFIG.name) is not None
