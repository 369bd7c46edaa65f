"""Studies to be deleted, their deletion, and what is then left in the database."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from anyio import to_thread

from mcp_automl.archive import Removed
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.study import Study, StudyState, TrialState
from mcp_automl.stores import deletion
from mcp_automl.stores.archive import SqliteArchive
from tests.stores_for_tests import NOW, Pair

OPTUNAS = (*deletion.OF_TRIALS, *deletion.OF_STUDIES)
"""All tables with anything about studies in them."""


async def delete(path: Path, study: Study) -> Removed:
    archive = SqliteArchive(path, clock=lambda: NOW)
    return await to_thread.run_sync(archive.delete, study)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


async def ended(pair: Pair, *values: float, **changes: object) -> Study:
    """A study that has run: a trial per value, one that was pruned, one that failed."""
    study = await pair.started(**changes)
    for value in values:
        await pair.completed(study, value, value)
    pruned = (await pair.attempted(study)).trial
    await pair.measure(study, pruned, {1: 0.1})
    record = Record(pruned, TrialState.PRUNED, 0.1, 0.01, "pruned at epoch 1")
    await pair.store.record(study, record, Outcome.STOPPED)
    await pair.failed(study, "ValueError: secret")
    assert await pair.store.finish(study, StudyState.COMPLETE, "all trials are done")
    return study
