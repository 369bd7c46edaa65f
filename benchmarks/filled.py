"""Workspaces with many trials, made quickly: twenty real ones are copied as rows as often as asked.

The first twenty go through the product's own store, so that every table looks as it would.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio

from mcp_automl.catalog import Catalog
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart, ProcessRef, Slot
from mcp_automl.domain.study import Measurement, Study, StudyState, TrialState
from mcp_automl.stores.optuna import OptunaStore
from mcp_automl.stores.registry import SqliteRegistry

TRIALS, EPOCHS = 20, 20
"""Of the study that the others are copies of; its trials train the same epochs each."""

SLOT = Slot(id="cpu/0", device="cpu", label="cpu", threads=1, usd_per_hour=0.05)


def fill(database: Path, sizes: Sequence[int]) -> list[str]:
    """Makes a COMPLETE study of each size, a multiple of twenty, beside the one that is copied.

    Returns:
        The studies' names, in the order of the sizes.
    """
    registry = SqliteRegistry(database)
    real = _create(registry, "real", TRIALS)
    studies = [_create(registry, f"study-{n}-of-{size}", size) for n, size in enumerate(sizes)]
    anyio.run(_train, database, real, studies)
    with closing(sqlite3.connect(database)) as connection, connection:
        for study in studies:
            _copy(connection, real, study)
    return [study.config.name for study in studies]


def _create(registry: SqliteRegistry, name: str, trials: int) -> Study:
    config = Catalog().config(
        name,
        "mnist",
        n_trials=trials,
        epochs_max=EPOCHS,
        seed=0,
        owner="benchmark",
        search_space=dict.fromkeys(("weight_decay", "dropout", "width"), "default"),
    )
    return registry.create(config)


async def _train(database: Path, real: Study, others: Sequence[Study]) -> None:
    store = OptunaStore(database, kill=lambda process: None)
    for study in (real, *others):
        await store.open(study)
    for number in range(TRIALS):
        await _train_one(store, real, number)
    for study in (real, *others):
        await store.finish(study, StudyState.COMPLETE, "All trials done.")


async def _train_one(store: OptunaStore, study: Study, number: int) -> None:
    suggestion = await store.ask(study)
    now, trial = time.time(), suggestion.trial
    process = ProcessRef(pid=1, started=now)
    start = AttemptStart(trial=trial, slot=SLOT, process=process, at=now)
    await store.open_attempt(study, start)
    for epoch in range(1, EPOCHS + 1):
        value = (0.5 + number / 100) * (1 - 0.5**epoch)
        metrics = {study.config.objective.name: value}
        await store.report(study, trial, Measurement(epoch=epoch, metrics=metrics, seconds=0.1))
    pruned = number % 2 == 1
    state, outcome = (
        (TrialState.PRUNED, Outcome.STOPPED) if pruned else (TrialState.COMPLETE, Outcome.COMPLETED)
    )
    await store.record(study, Record(trial, state, value, 0.0001, ""), outcome)


def _copy(connection: sqlite3.Connection, real: Study, study: Study) -> None:
    source, target = (_optuna_id(connection, it) for it in (real, study))
    # Opening a study has put its first trial there.
    connection.execute("DELETE FROM trials WHERE study_id = ?", (target,))
    for first in range(0, study.config.n_trials, TRIALS):
        (last,) = connection.execute("SELECT MAX(trial_id) FROM trials").fetchone()
        connection.execute(
            "INSERT INTO trials "
            "(trial_id, number, study_id, state, datetime_start, datetime_complete) "
            "SELECT trial_id + ?, number + ?, ?, state, datetime_start, datetime_complete "
            "FROM trials WHERE study_id = ?",
            (last, first, target, source),
        )
        mine = f"trial_id IN (SELECT trial_id FROM trials WHERE study_id = {source})"
        for table in ("params", "values", "intermediate_values", "user_attributes"):
            _copy_rows(connection, f"trial_{table}", {"trial_id": f"trial_id + {last}"}, mine)
        of_study = {"study_id": str(study.id), "trial": f"trial + {first}"}
        for table in ("automl_attempts", "automl_measurements"):
            _copy_rows(connection, table, of_study, f"study_id = {real.id}")


def _copy_rows(
    connection: sqlite3.Connection, table: str, changed: dict[str, str], which: str
) -> None:
    """Copies rows with some columns changed; those that a row is known by are given anew."""
    listed = connection.execute(f"PRAGMA table_info({table})").fetchall()
    keys = [name for _, name, *_, key in listed if key]
    columns = [name for _, name, *_ in listed if [name] != keys]
    chosen = [changed.get(name, name) for name in columns]
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(chosen)} FROM {table} WHERE {which}"
    )


def _optuna_id(connection: sqlite3.Connection, study: Study) -> int:
    found = "SELECT study_id FROM studies WHERE study_name = ?"
    (study_id,) = connection.execute(found, (study.config.name,)).fetchone()
    return int(study_id)
