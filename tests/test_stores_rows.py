"""What we write into Optuna's tables is what Optuna would have written."""

import inspect
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import optuna
import pytest
from optuna.pruners import HyperbandPruner
from optuna.samplers import CmaEsSampler
from optuna.storages._rdb.models import SCHEMA_VERSION
from optuna.trial import FrozenTrial

from mcp_automl.domain.study import TrialState
from mcp_automl.stores import optuna_rows, sampling
from mcp_automl.stores.database import Database
from mcp_automl.stores.engine import open_storage
from tests.stores_for_tests import SPACE

POINT = {"lr": 0.001547, "batch_size": 128, "epochs": 4}
DISTRIBUTIONS = sampling.distributions(SPACE)
VALUES = {1: 0.25, 2: 0.5}
TOLD = {"attempts": 1, "reason": 'it said "no"'}
ENDS = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, None)


def by_optuna(study: optuna.Study) -> None:
    """A trial that completes, one that is pruned, one that fails, and one that runs."""
    for state in ENDS:
        study.enqueue_trial(POINT)
        trial = study.ask(DISTRIBUTIONS)
        for epoch, value in VALUES.items():
            trial.report(value, epoch)
        if state is not None:
            for key, it in TOLD.items():
                trial.set_user_attr(key, it)
            reached = 0.5 if state is TrialState.COMPLETE else None
            study.tell(trial, reached, optuna.trial.TrialState[state.value])


def by_us(database: Database) -> None:
    """The same."""
    with database.write() as connection:
        study = id_of(connection)
        for state in ENDS:
            number = optuna_rows.add(connection, study, POINT, DISTRIBUTIONS)
            trial = optuna_rows.find(connection, study, number)
            optuna_rows.report(connection, trial.id, VALUES)
            if state is not None:
                value = None if state is TrialState.FAIL else 0.5
                optuna_rows.end(connection, trial.id, state, value, TOLD)


def id_of(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("SELECT study_id FROM studies WHERE study_name = 'ours'")
    return int(found[0])


def seen(trials: Sequence[FrozenTrial]) -> list[tuple[object, ...]]:
    return [
        (
            trial.number,
            trial.state,
            trial.values,
            trial.params,
            trial.distributions,
            trial.intermediate_values,
            trial.user_attrs,
            isinstance(trial.datetime_start, datetime),
            isinstance(trial.datetime_complete, datetime),
        )
        for trial in trials
    ]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "automl_studies.db")


def test_trials_are_read_by_optuna_as_if_it_had_written_them(database: Database) -> None:
    storage = open_storage(database)
    theirs = optuna.create_study(storage=storage, study_name="theirs", direction="maximize")
    by_optuna(theirs)
    ours = optuna.create_study(storage=storage, study_name="ours", direction="maximize")
    by_us(database)

    assert seen(ours.get_trials()) == seen(theirs.get_trials())
    assert ours.best_value == 0.5


def test_a_trial_that_waited_goes_on_under_its_number_with_what_it_lacked(
    database: Database,
) -> None:
    study = optuna.create_study(storage=open_storage(database), study_name="ours")
    study.enqueue_trial({})
    with database.write() as connection:
        trial = optuna_rows.find(connection, id_of(connection), 0)
        optuna_rows.resume(connection, trial.id)
        optuna_rows.set_params(connection, trial.id, POINT, DISTRIBUTIONS)
        optuna_rows.set_params(connection, trial.id, {"lr": 0.01}, DISTRIBUTIONS)
        optuna_rows.report(connection, trial.id, VALUES)
        optuna_rows.report(connection, trial.id, {2: 0.75})
    (running,) = study.get_trials()
    with database.write() as connection:
        optuna_rows.wait(connection, trial.id)
    (waiting,) = study.get_trials()

    assert (running.number, running.state) == (0, optuna.trial.TrialState.RUNNING)
    assert (running.params, running.intermediate_values) == (POINT, VALUES)
    assert running.datetime_start is not None
    assert waiting.state is optuna.trial.TrialState.WAITING


def test_a_trial_that_optuna_does_not_have_is_not_found(database: Database) -> None:
    optuna.create_study(storage=open_storage(database), study_name="ours")
    with database.read() as connection:
        with pytest.raises(LookupError, match="no trial #3"):
            optuna_rows.find(connection, id_of(connection), 3)


# --- what is Optuna's own business, and ours too -----------------------------------------------

CHANGED = (
    f"Optuna {optuna.__version__} has changed {{}}, which {{}} needs: see to it that the search is "
    "as before, and only then let pyproject.toml allow this version"
)


@pytest.mark.parametrize(
    ("owner", "name", "takes", "needed_by"),
    [
        (CmaEsSampler, "_init_optimizer", ["self", "trans", "direction"], "stores/sampling.py"),
        (HyperbandPruner, "_try_initialization", ["self", "study"], "stores/pruning.py"),
        (HyperbandPruner, "_get_bracket_id", ["self", "study", "trial"], "stores/pruning.py"),
    ],
)
def test_the_private_pieces_of_optuna_that_we_touch_are_as_we_know_them(
    owner: type, name: str, takes: list[str], needed_by: str
) -> None:
    piece = getattr(owner, name, None)

    found = None if piece is None else list(inspect.signature(piece).parameters)
    assert found == takes, CHANGED.format(f"{owner.__name__}.{name}", needed_by)


def test_hyperband_keeps_its_brackets_and_the_tables_are_as_we_know_them() -> None:
    kept = getattr(HyperbandPruner(2, 9, 3), "_pruners", None)

    assert kept == [], CHANGED.format("HyperbandPruner._pruners", "stores/pruning.py")
    assert SCHEMA_VERSION == 12, CHANGED.format("its tables", "stores/optuna_rows.py")
