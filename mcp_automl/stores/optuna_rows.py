"""Rows of Optuna's tables about trials that run, as Optuna itself writes them.

Its own storage writes each attribute in a transaction of its own, through SQLAlchemy: 10 ms of a
core for a trial's end and 14 for its beginning, in which a slot is empty. Here each is one
transaction of less than one. `tests/test_stores_rows.py` holds both against each other.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from optuna.distributions import BaseDistribution, distribution_to_json

from mcp_automl.domain.space import Params
from mcp_automl.domain.study import TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTrial:
    """A trial as Optuna's tables have it."""

    id: int
    state: TrialState
    values: Mapping[int, float | None]
    """By epoch; None for what is not finite."""


def find(connection: sqlite3.Connection, optuna_study: int, number: int) -> StoredTrial:
    """The trial of that number; raises LookupError where there is none."""
    query = "SELECT trial_id, state FROM trials WHERE study_id = ? AND number = ?"
    row = connection.execute(query, (optuna_study, number)).fetchone()
    if row is None:
        raise LookupError(f"Optuna has no trial #{number}")
    steps = "SELECT step, intermediate_value FROM trial_intermediate_values WHERE trial_id = ?"
    values = dict(connection.execute(steps, (row[0],)).fetchall())
    return StoredTrial(id=row[0], state=TrialState(row[1]), values=values)


def add(
    connection: sqlite3.Connection,
    optuna_study: int,
    point: Params,
    space: Mapping[str, BaseDistribution],
) -> int:
    """A new trial, RUNNING; returns its number."""
    count = "SELECT COUNT(*) FROM trials WHERE study_id = ?"
    (number,) = connection.execute(count, (optuna_study,)).fetchone()
    insert = (
        "INSERT INTO trials (number, study_id, state, datetime_start) VALUES (?, ?, 'RUNNING', ?)"
    )
    trial_id = connection.execute(insert, (number, optuna_study, _now())).lastrowid
    assert trial_id is not None
    set_params(connection, trial_id, point, space)
    return int(number)


def resume(connection: sqlite3.Connection, trial_id: int) -> None:
    """Makes a trial that waits RUNNING."""
    update = "UPDATE trials SET state = 'RUNNING', datetime_start = ? WHERE trial_id = ?"
    connection.execute(update, (_now(), trial_id))


def set_params(
    connection: sqlite3.Connection,
    trial_id: int,
    point: Params,
    space: Mapping[str, BaseDistribution],
) -> None:
    """Stores the trial's parameters; those that it has stay as they are."""
    insert = (
        "INSERT OR IGNORE INTO trial_params (trial_id, param_name, param_value, distribution_json) "
        "VALUES (?, ?, ?, ?)"
    )
    rows = [
        (trial_id, name, space[name].to_internal_repr(value), distribution_to_json(space[name]))
        for name, value in point.items()
    ]
    connection.executemany(insert, rows)


def report(connection: sqlite3.Connection, trial_id: int, values: Mapping[int, float]) -> None:
    """Stores finite values by epoch; an epoch that is stored stays as it is."""
    insert = (
        "INSERT OR IGNORE INTO trial_intermediate_values "
        "(trial_id, step, intermediate_value, intermediate_value_type) VALUES (?, ?, ?, 'FINITE')"
    )
    connection.executemany(insert, [(trial_id, step, value) for step, value in values.items()])


def wait(connection: sqlite3.Connection, trial_id: int) -> None:
    """Makes a trial WAITING."""
    update = "UPDATE trials SET state = 'WAITING' WHERE trial_id = ?"
    connection.execute(update, (trial_id,))


def end(
    connection: sqlite3.Connection,
    trial_id: int,
    state: TrialState,
    value: float | None,
    attributes: Mapping[str, object],
) -> None:
    """Makes a trial what it has ended as.

    Args:
        value: its objective, finite; None where it has none.
        attributes: what is told of it beside that.
    """
    attribute = (
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?) "
        "ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json"
    )
    told = [(trial_id, key, json.dumps(it)) for key, it in attributes.items()]
    connection.executemany(attribute, told)
    if value is not None:
        objective = (
            "INSERT INTO trial_values (trial_id, objective, value, value_type) "
            "VALUES (?, 0, ?, 'FINITE') "
            "ON CONFLICT (trial_id, objective) DO UPDATE SET value = excluded.value"
        )
        connection.execute(objective, (trial_id, value))
    # One that is given up without another attempt has begun when it ends.
    update = (
        "UPDATE trials SET state = ?, datetime_start = COALESCE(datetime_start, ?), "
        "datetime_complete = ? WHERE trial_id = ?"
    )
    now = _now()
    connection.execute(update, (state.value, now, now, trial_id))


def _now() -> str:
    """As Optuna stores times: UTC that does not say so."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
