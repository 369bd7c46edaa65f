"""How long epochs took, read from our measurements and Optuna's parameters."""

import sqlite3

from mcp_automl.domain.pace import KEPT, EpochTime
from mcp_automl.domain.space import Value
from mcp_automl.domain.study import Study
from mcp_automl.stores import codec, trials

EARLIER_STUDIES = 5
"""How many of the latest studies with a trainer tell how long its epochs take."""

_LATEST = f"""
    SELECT m.seconds, a.device, p.param_value, p.distribution_json
    FROM trials t
    CROSS JOIN (
        SELECT trial, seconds, at FROM automl_measurements
        WHERE study_id = :study ORDER BY at DESC LIMIT {KEPT}
    ) m ON m.trial = t.number
    LEFT JOIN automl_attempts a ON a.id =
        (SELECT MAX(id) FROM automl_attempts WHERE study_id = :study AND trial = m.trial)
    LEFT JOIN trial_params p ON p.trial_id = t.trial_id AND p.param_name = 'batch_size'
    WHERE t.study_id = :optuna_study ORDER BY m.at
"""
# CROSS JOIN keeps the order: Optuna's trials have no index by number, so they must come first.


def of_study(connection: sqlite3.Connection, study: Study) -> tuple[EpochTime, ...]:
    """Its latest epochs, newest last."""
    optuna_study = trials.optuna_id(connection, study)
    if optuna_study is None:
        return ()
    ids = {"study": study.id, "optuna_study": optuna_study}
    fixed = study.config.constants.get("batch_size")
    return tuple(_epoch_time(row, fixed) for row in connection.execute(_LATEST, ids))


def of_earlier(
    connection: sqlite3.Connection, study: Study, with_trainer: list[Study]
) -> tuple[EpochTime, ...]:
    """The latest epochs of other studies, newest last.

    Args:
        with_trainer: all studies with the study's trainer, newest first.
    """
    others = [other for other in with_trainer if other.id != study.id][:EARLIER_STUDIES]
    epochs: tuple[EpochTime, ...] = ()
    for other in others:
        epochs = (*of_study(connection, other), *epochs)
    return epochs[-KEPT:]


def _epoch_time(row: sqlite3.Row, fixed: Value | None) -> EpochTime:
    stored, distribution = row["param_value"], row["distribution_json"]
    batch_size = fixed if distribution is None else codec.load_param(stored, distribution)
    return EpochTime(seconds=row["seconds"], batch_size=batch_size, device=row["device"] or "")
