"""What Optuna's tables know of a study's trials, in a few queries: what its shadow begins with.

Optuna itself takes 9 s to load 10,000 trials.
"""

import json
import math
import sqlite3
from collections import defaultdict
from dataclasses import dataclass

from mcp_automl.domain.space import Params, Value
from mcp_automl.domain.study import TrialState
from mcp_automl.stores import codec, trials
from mcp_automl.stores.shadow import PastTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTrial:
    """A trial that shall run before any new one."""

    id: int
    number: int
    params: Params
    """What it has, or was enqueued with."""


def of_study(connection: sqlite3.Connection, optuna_study: int) -> list[PastTrial]:
    """All trials by number."""
    params = _params(connection, optuna_study)
    epochs = _epochs(connection, optuna_study)
    query = """
        SELECT t.trial_id, t.number, t.state, v.value, v.value_type
        FROM trials t LEFT JOIN trial_values v ON v.trial_id = t.trial_id AND v.objective = 0
        WHERE t.study_id = ? ORDER BY t.number
    """
    return [
        PastTrial(
            number=number,
            state=TrialState(state),
            params=params.get(trial, {}),
            value=trials.stored_value(value, kind),
            values=epochs.get(trial, {}),
        )
        for trial, number, state, value, kind in connection.execute(query, (optuna_study,))
    ]


def waiting(connection: sqlite3.Connection, optuna_study: int) -> WaitingTrial | None:
    """The lowest trial that waits."""
    query = """
        SELECT trial_id, number FROM trials WHERE study_id = ? AND state = 'WAITING'
        ORDER BY number LIMIT 1
    """
    row = connection.execute(query, (optuna_study,)).fetchone()
    if row is None:
        return None
    trial, number = row
    known = trials.params_of(connection, trial)
    return WaitingTrial(id=trial, number=number, params={**_enqueued(connection, trial), **known})


def _enqueued(connection: sqlite3.Connection, trial: int) -> dict[str, Value]:
    query = """
        SELECT value_json FROM trial_system_attributes WHERE trial_id = ? AND key = 'fixed_params'
    """
    row = connection.execute(query, (trial,)).fetchone()
    fixed: dict[str, Value] = {} if row is None else json.loads(row[0])
    return fixed


def _params(connection: sqlite3.Connection, optuna_study: int) -> dict[int, dict[str, Value]]:
    query = """
        SELECT p.trial_id, p.param_name, p.param_value, p.distribution_json
        FROM trials t JOIN trial_params p ON p.trial_id = t.trial_id
        WHERE t.study_id = ? ORDER BY p.param_id
    """
    found = defaultdict[int, dict[str, Value]](dict)
    for trial, name, stored, distribution in connection.execute(query, (optuna_study,)):
        found[trial][name] = codec.load_param(stored, distribution)
    return found


def _epochs(connection: sqlite3.Connection, optuna_study: int) -> dict[int, dict[int, float]]:
    query = """
        SELECT i.trial_id, i.step, i.intermediate_value, i.intermediate_value_type
        FROM trials t JOIN trial_intermediate_values i ON i.trial_id = t.trial_id
        WHERE t.study_id = ? ORDER BY i.step
    """
    found = defaultdict[int, dict[int, float]](dict)
    for trial, step, stored, kind in connection.execute(query, (optuna_study,)):
        value = trials.stored_value(stored, kind)
        if value is not None and math.isfinite(value):
            found[trial][step] = value
    return found
