"""The note in a study of ours on trials that another sampler has suggested than the one that works.

It is one of Optuna's user attributes: anybody can write it, and a damaged one is worth no error.
"""

import json
import sqlite3
from dataclasses import asdict

from mcp_automl.domain.sampling import StoodIn

KEY = "automl_stood_in"

_TYPES = {"trials": int, "last": int, "why": str}


def find(connection: sqlite3.Connection, optuna_study: int) -> StoodIn | None:
    """The note; None where there is none that can be read."""
    query = "SELECT value_json FROM study_user_attributes WHERE study_id = ? AND key = ?"
    row = connection.execute(query, (optuna_study, KEY)).fetchone()
    try:
        noted = None if row is None else json.loads(row[0])
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(noted, dict) or {name: type(it) for name, it in noted.items()} != _TYPES:
        return None
    return StoodIn(**noted)


def note(connection: sqlite3.Connection, optuna_study: int, last: int, why: str) -> None:
    """Takes down that another sampler has suggested one more trial."""
    known = find(connection, optuna_study)
    noted = StoodIn(trials=1 if known is None else known.trials + 1, last=last, why=why)
    insert = (
        "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
        "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json"
    )
    connection.execute(insert, (optuna_study, KEY, json.dumps(asdict(noted))))
