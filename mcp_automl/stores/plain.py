"""Studies that plain Optuna made in our file: shown as finished studies, and only read.

Their ids are Optuna's, negated. What Optuna does not store is filled in with what is true of every
such study: its objective is called `value` unless it was named, its trainer `optuna`, and its space
is that of its newest trial.
"""

import json
import sqlite3
from collections.abc import Sequence

from mcp_automl.domain.bounds import MAX_TRIALS
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space import Categorical, Parameter, SearchSpace
from mcp_automl.domain.study import Objective, Study, StudyConfig, StudyState
from mcp_automl.stores import codec
from mcp_automl.stores.schema import has_table
from mcp_automl.stores.trials import seconds

MODEL = "optuna"
REASON = "made by Optuna itself and not by mcp-automl: it can be read, but not run"
_NO_SPACE = SearchSpace({"unknown": Categorical(choices=("unknown",))})


def all_plain(connection: sqlite3.Connection, but: set[str]) -> list[Study]:
    """Plain Optuna's studies, oldest first, without those of our names (in lower case)."""
    if not has_table(connection, "studies"):
        return []
    rows = connection.execute(
        """
        SELECT s.study_id, s.study_name, COUNT(t.trial_id) AS trials,
               MIN(t.datetime_start) AS started, MAX(t.datetime_complete) AS ended
        FROM studies s LEFT JOIN trials t ON t.study_id = s.study_id
        GROUP BY s.study_id ORDER BY s.study_id
        """
    ).fetchall()
    return [_study(connection, row) for row in rows if row["study_name"].lower() not in but]


def named_plain(connection: sqlite3.Connection, name: str, but: set[str]) -> Study | None:
    """The one spelled exactly so, else one that differs in upper and lower case only."""
    alike = [s for s in all_plain(connection, but) if s.config.name.lower() == name.lower()]
    return next((s for s in alike if s.config.name == name), alike[0] if alike else None)


def has_plain(connection: sqlite3.Connection, name: str) -> bool:
    """Whether Optuna has a study of that name, upper and lower case ignored."""
    if not has_table(connection, "studies"):
        return False
    query = "SELECT 1 FROM studies WHERE lower(study_name) = ?"
    return connection.execute(query, (name.lower(),)).fetchone() is not None


def _study(connection: sqlite3.Connection, row: sqlite3.Row) -> Study:
    started = seconds(row["started"])
    config = StudyConfig(
        name=row["study_name"],
        model=MODEL,
        objectives=_objectives(connection, row["study_id"]),
        space=_space(connection, row["study_id"]),
        default={},
        n_trials=min(max(1, row["trials"]), MAX_TRIALS),
        epochs_max=1,
    )
    return Study(
        id=-row["study_id"],
        config=config,
        state=StudyState.COMPLETE,
        reason=REASON,
        data="",
        arguments={},
        created_at=started or 0.0,
        started_at=started,
        ended_at=seconds(row["ended"]),
        revision=0,
    )


def _objectives(connection: sqlite3.Connection, study_id: int) -> tuple[Objective, ...]:
    query = "SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective"
    directions = [direction for (direction,) in connection.execute(query, (study_id,))]
    named = zip(_metric_names(connection, study_id, len(directions)), directions, strict=True)
    return tuple(Objective(name=name, maximize=way == "MAXIMIZE") for name, way in named)


def _metric_names(connection: sqlite3.Connection, study_id: int, n: int) -> Sequence[str]:
    query = "SELECT value_json FROM study_system_attributes WHERE study_id = ? AND key = ?"
    row = connection.execute(query, (study_id, "study:metric_names")).fetchone()
    if row is not None:
        return [str(name) for name in json.loads(row[0])]
    return ["value"] if n == 1 else [f"value_{i}" for i in range(n)]


def _space(connection: sqlite3.Connection, study_id: int) -> SearchSpace:
    query = """
        SELECT param_name, distribution_json FROM trial_params WHERE trial_id = (
            SELECT t.trial_id FROM trials t JOIN trial_params p ON p.trial_id = t.trial_id
            WHERE t.study_id = ? ORDER BY t.trial_id DESC LIMIT 1
        ) ORDER BY param_id
    """
    try:
        parameters: dict[str, Parameter] = {
            name: codec.load_distribution(text)
            for name, text in connection.execute(query, (study_id,))
        }
        return SearchSpace(parameters) if parameters else _NO_SPACE
    except InvalidRequest:
        return _NO_SPACE
