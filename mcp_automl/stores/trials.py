"""Trials read from Optuna's tables by SQL, with what our tables know about them.

Loading a study through Optuna costs 0.9 s at 1,000 trials; a query here costs milliseconds. The
tables are Optuna 5's (its schema 12). Their times are UTC without saying so.
"""

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime

from mcp_automl.domain.space import Value
from mcp_automl.domain.study import Measurement, Objective, Study, Trial, TrialState
from mcp_automl.stores import codec
from mcp_automl.stores.schema import has_table

_STORED_VALUES = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}


def optuna_id(connection: sqlite3.Connection, study: Study) -> int | None:
    """The study's id in Optuna's tables; None before it was started."""
    if study.id < 0:
        return -study.id
    if not has_table(connection, "studies"):
        return None
    query = "SELECT study_id FROM studies WHERE study_name = ?"
    row = connection.execute(query, (study.config.name,)).fetchone()
    return None if row is None else int(row[0])


def counts(connection: sqlite3.Connection, optuna_study: int) -> dict[TrialState, int]:
    """How many trials there are in each state that occurs."""
    query = "SELECT state, COUNT(*) FROM trials WHERE study_id = ? GROUP BY state"
    return {TrialState(state): n for state, n in connection.execute(query, (optuna_study,))}


def in_states(
    connection: sqlite3.Connection, study: Study, states: Sequence[TrialState]
) -> list[Trial]:
    """Trials by number: state, value and times; unfinished ones with their last epoch's value."""
    optuna_study = optuna_id(connection, study)
    if optuna_study is None:
        return []
    marks = ", ".join("?" * len(states))
    # With a plus before it SQLite does not take the index by number, which holds all states.
    query = f"{_SELECT} WHERE t.study_id = ? AND t.state IN ({marks}) ORDER BY +t.number"
    values = (optuna_study, *(state.value for state in states))
    return [_trial(connection, study, row) for row in connection.execute(query, values)]


def leading(connection: sqlite3.Connection, study: Study, most: int) -> list[Trial]:
    """The trials with the best finite values, COMPLETE ones first; then come PRUNED ones."""
    optuna_study = optuna_id(connection, study)
    if optuna_study is None:
        return []
    order = "DESC" if study.config.objective.maximize else "ASC"
    # Ten thousand values are sorted here in a tenth of the time that it takes to make trials of
    # them. CROSS JOIN, because values have no index of their own; ids rise as numbers do.
    query = f"""
        {_SELECT} WHERE t.trial_id IN (
            SELECT t.trial_id FROM trials t
            CROSS JOIN trial_values v ON v.trial_id = t.trial_id AND v.objective = 0
            WHERE t.study_id = ? AND t.state = ? AND v.value_type = 'FINITE'
            ORDER BY v.value {order}, t.trial_id LIMIT ?
        )
    """
    found: list[sqlite3.Row] = []
    for state in (TrialState.COMPLETE, TrialState.PRUNED):
        # Even a query that finds nothing looks at every trial.
        if len(found) < most:
            found += connection.execute(query, (optuna_study, state.value, most - len(found)))
    return [_trial(connection, study, row) for row in found]


def numbered(connection: sqlite3.Connection, study: Study, number: int) -> Trial:
    """One trial with its parameters and constants; cost and reason are left to the caller.

    Raises:
        LookupError: there is none of that number.
    """
    optuna_study = optuna_id(connection, study)
    query = f"{_SELECT} WHERE t.study_id = ? AND t.number = ?"
    row = connection.execute(query, (optuna_study, number)).fetchone() if optuna_study else None
    if row is None:
        raise LookupError(f"{study.config.name} has no trial #{number}")
    return _whole(connection, study, row)


def chosen(connection: sqlite3.Connection, study: Study, numbers: Sequence[int]) -> list[Trial]:
    """Those of these numbers, as `numbered` gives one, in their order; the study is read once.

    Raises:
        LookupError: there is none of some number.
    """
    query = f"{_SELECT} WHERE t.study_id = ? AND t.number IN (SELECT value FROM json_each(?))"
    asked = (optuna_id(connection, study), json.dumps(list(numbers)))
    rows = {row["number"]: row for row in connection.execute(query, asked)}
    missing = [number for number in numbers if number not in rows]
    if missing:
        raise LookupError(f"{study.config.name} has no trial #{missing[0]}")
    return [_whole(connection, study, rows[number]) for number in numbers]


def each(connection: sqlite3.Connection, study: Study) -> Iterator[Trial]:
    """All trials by number, as `numbered` gives one."""
    optuna_study = optuna_id(connection, study)
    query = f"{_SELECT} WHERE t.study_id = ? ORDER BY t.number"
    for row in connection.execute(query, (optuna_study,)) if optuna_study else ():
        yield _whole(connection, study, row)


def _whole(connection: sqlite3.Connection, study: Study, row: sqlite3.Row) -> Trial:
    params = {**params_of(connection, row["trial_id"]), **study.config.constants}
    return _trial(connection, study, row, params=params)


def param_names(connection: sqlite3.Connection, optuna_study: int) -> set[str]:
    query = """
        SELECT DISTINCT p.param_name FROM trials t JOIN trial_params p ON p.trial_id = t.trial_id
        WHERE t.study_id = ?
    """
    return {name for (name,) in connection.execute(query, (optuna_study,))}


_SELECT = """
    SELECT t.trial_id, t.number, t.state, v.value, v.value_type, t.datetime_start,
           t.datetime_complete
    FROM trials t LEFT JOIN trial_values v ON v.trial_id = t.trial_id AND v.objective = 0
"""


def _trial(
    connection: sqlite3.Connection,
    study: Study,
    row: sqlite3.Row,
    params: dict[str, Value] | None = None,
) -> Trial:
    state = TrialState(row["state"])
    value, epoch = stored_value(row["value"], row["value_type"]), 0
    # A query per row: only for one trial, or for the few that are not finished.
    if params is not None or not state.is_finished:
        last = last_measurement(connection, study, row["number"])
        epoch = 0 if last is None else last.epoch
        if last is not None and not state.is_finished:
            value = last.value(study.config.objective)
    return Trial(
        number=row["number"],
        state=state,
        params=params or {},
        value=value,
        epoch=epoch,
        started_at=seconds(row["datetime_start"]),
        ended_at=seconds(row["datetime_complete"]),
    )


def params_of(connection: sqlite3.Connection, trial_id: int) -> dict[str, Value]:
    query = """
        SELECT param_name, param_value, distribution_json FROM trial_params
        WHERE trial_id = ? ORDER BY param_id
    """
    rows = connection.execute(query, (trial_id,))
    return {name: codec.load_param(stored, distribution) for name, stored, distribution in rows}


def last_measurement(
    connection: sqlite3.Connection, study: Study, number: int
) -> Measurement | None:
    """The newest epoch; of plain Optuna's trials all that is known is the value."""
    if study.id < 0:
        return _last_reported(connection, study, number)
    query = """
        SELECT epoch, metrics, seconds FROM automl_measurements
        WHERE study_id = ? AND trial = ? ORDER BY epoch DESC LIMIT 1
    """
    row = connection.execute(query, (study.id, number)).fetchone()
    if row is None:
        return None
    metrics = codec.load_metrics(row["metrics"])
    return Measurement(epoch=row["epoch"], metrics=metrics, seconds=row["seconds"])


def measurements(connection: sqlite3.Connection, study: Study, number: int) -> list[Measurement]:
    """Every epoch of a trial; plain Optuna's are numbered as they came."""
    if study.id < 0:
        return _reported(connection, study, number)
    query = """
        SELECT epoch, metrics, seconds FROM automl_measurements
        WHERE study_id = ? AND trial = ? ORDER BY epoch
    """
    return [
        Measurement(epoch=epoch, metrics=codec.load_metrics(metrics), seconds=seconds)
        for epoch, metrics, seconds in connection.execute(query, (study.id, number))
    ]


def _reported(connection: sqlite3.Connection, study: Study, number: int) -> list[Measurement]:
    query = """
        SELECT i.intermediate_value, i.intermediate_value_type
        FROM trials t JOIN trial_intermediate_values i ON i.trial_id = t.trial_id
        WHERE t.study_id = ? AND t.number = ? ORDER BY i.step
    """
    rows = connection.execute(query, (-study.id, number))
    values = [stored_value(value, kind) for value, kind in rows]
    name = study.config.objective.name
    return [
        Measurement(epoch=epoch, metrics={name: value}, seconds=0.0)
        for epoch, value in enumerate(values, start=1)
        if value is not None
    ]


def objective_values(connection: sqlite3.Connection, study: Study, number: int) -> dict[int, float]:
    """Our measurements' objective by epoch, where there is one and it is finite."""
    query = "SELECT epoch, metrics FROM automl_measurements WHERE study_id = ? AND trial = ?"
    values: dict[int, float] = {}
    for epoch, metrics in connection.execute(query, (study.id, number)):
        value = codec.load_metrics(metrics).get(study.config.objective.name)
        if value is not None and math.isfinite(value):
            values[epoch] = value
    return values


def reported_values(connection: sqlite3.Connection, study: Study, number: int) -> dict[int, float]:
    """The finite values that a trial of plain Optuna's has reported, by its own steps."""
    query = """
        SELECT i.step, i.intermediate_value, i.intermediate_value_type
        FROM trials t JOIN trial_intermediate_values i ON i.trial_id = t.trial_id
        WHERE t.study_id = ? AND t.number = ?
    """
    rows = connection.execute(query, (-study.id, number))
    found = {step: stored_value(value, kind) for step, value, kind in rows}
    return {step: v for step, v in found.items() if v is not None and math.isfinite(v)}


def _last_reported(connection: sqlite3.Connection, study: Study, number: int) -> Measurement | None:
    # Others may count steps from 0, or in hundreds; how many there are is an honest epoch.
    query = """
        SELECT i.intermediate_value, i.intermediate_value_type, COUNT(*) AS n, MAX(i.step)
        FROM trials t JOIN trial_intermediate_values i ON i.trial_id = t.trial_id
        WHERE t.study_id = ? AND t.number = ?
    """
    row = connection.execute(query, (-study.id, number)).fetchone()
    value = stored_value(row[0], row[1])
    if value is None:
        return None
    objective: Objective = study.config.objective
    return Measurement(epoch=row["n"], metrics={objective.name: value}, seconds=0.0)


def numbers(connection: sqlite3.Connection, optuna_study: int, state: TrialState) -> list[int]:
    """Numbers of the trials in a state, lowest first."""
    query = "SELECT number FROM trials WHERE study_id = ? AND state = ? ORDER BY number"
    return [int(number) for (number,) in connection.execute(query, (optuna_study, state.value))]


def stored_value(value: float | None, kind: str | None) -> float | None:
    """Optuna keeps what is not finite beside a null."""
    return None if kind is None else _STORED_VALUES.get(kind, value)


def seconds(stored: str | None) -> float | None:
    """Seconds since the epoch from one of Optuna's times."""
    if stored is None:
        return None
    return datetime.fromisoformat(f"{stored}+00:00").timestamp()
