"""How long the cost report and a study's savings take when there is much to add up.

    python -m benchmarks.costs [ATTEMPTS]

Fills a database with that many attempts (100,000 by default), five epochs each, over studies of up
to 10,000 trials of which a third is pruned, and prints the best of five readings in milliseconds.
Goal: under 200 ms for the report, and for the status of a study of 10,000 trials.
"""

import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from mcp_automl.costs import Costs
from mcp_automl.domain.costs import GroupBy
from mcp_automl.domain.study import Objective, StudyConfig
from mcp_automl.stores.accounts import SqliteAccounts
from mcp_automl.stores.database import Database
from mcp_automl.stores.engine import open_storage
from mcp_automl.stores.registry import SqliteRegistry
from mcp_automl.stores.schema import connect
from tests.stores_for_tests import SPACE

TRIALS = 10_000
EPOCHS = 5
DISTRIBUTION = '{"name": "IntDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}'
PRUNED = "pruned at epoch 5: its best val_accuracy 0.5 is below 0.7, the median of 20 at that epoch"


def fill(path: Path, attempts: int) -> None:
    """One study of `TRIALS` trials, and small ones of 100."""
    open_storage(Database(path)).engine.dispose()
    sizes = [min(TRIALS, attempts), *[100] * ((attempts - TRIALS) // 100)]
    registry = SqliteRegistry(path)
    for number in range(len(sizes)):
        registry.create(config(number))
    with closing(connect(path)) as connection:
        connection.execute("BEGIN")
        for number, trials in enumerate(sizes):
            fill_study(connection, number + 1, trials)
        connection.execute("COMMIT")


def config(number: int) -> StudyConfig:
    return StudyConfig(
        name=f"study-{number}",
        model=("mnist", "llm")[number % 2],
        objectives=(Objective(name="val_accuracy", maximize=True),),
        space=SPACE,
        default={},
        n_trials=TRIALS,
        epochs_max=9,
        owner=f"owner-{number % 7}",
    )


def fill_study(connection: sqlite3.Connection, study: int, trials: int) -> None:
    optuna_study = "INSERT INTO studies (study_id, study_name) VALUES (?, ?)"
    connection.execute(optuna_study, (study, f"study-{study - 1}"))
    rows = list(attempts_of(study, trials))
    connection.executemany(
        "INSERT INTO automl_attempts (study_id, trial, slot, device, shared, usd_per_hour, pid, "
        "process_started, started_at, alive_at, ended_at, cost_usd, outcome, state, reason) "
        "VALUES (?, ?, 'cpu/0', 'cpu', 1, 0.1, 1, 1.0, ?, 0, ?, ?, 'stopped', ?, ?)",
        rows,
    )
    connection.executemany(
        "INSERT INTO automl_measurements (study_id, trial, epoch, metrics, seconds, at) "
        "VALUES (?, ?, ?, '{}', 1.0, 0)",
        [(study, trial, epoch + 1) for trial in range(trials) for epoch in range(EPOCHS)],
    )
    ids = [(study * TRIALS + trial, study, trial) for trial in range(trials)]
    insert = "INSERT INTO trials (trial_id, study_id, number, state) VALUES (?, ?, ?, 'PRUNED')"
    connection.executemany(insert, ids)
    connection.executemany(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
        "VALUES (?, 'epochs', 7.0, ?)",
        [(trial_id, DISTRIBUTION) for trial_id, _, _ in ids],
    )


def attempts_of(study: int, trials: int) -> Iterator[tuple[object, ...]]:
    """An attempt for each trial, every ten minutes."""
    for trial in range(trials):
        at = 1.7e9 + study * 1_000.0 + trial * 600.0
        pruned = trial % 3 == 0
        state, reason = ("PRUNED", PRUNED) if pruned else ("COMPLETE", "")
        seconds = random.uniform(5, 500)
        yield study, trial, at, at + seconds, seconds * 0.1 / 3600, state, reason


def milliseconds(read: Callable[[], object]) -> float:
    def once() -> float:
        began = time.perf_counter()
        read()
        return time.perf_counter() - began

    return min(once() for _ in range(5)) * 1_000


def main(attempts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "automl_studies.db"
        fill(path, attempts)
        print(f"{attempts} attempts, {path.stat().st_size / 2**20:.0f} MiB")
        costs = Costs(SqliteAccounts(path), time.time)
        for by in GroupBy:
            took = milliseconds(lambda by=by: costs.report(by.value))  # type: ignore[misc]
            print(f"by {by.value:6} {took:6.0f} ms")
        study = SqliteRegistry(path).find("study-0")
        assert study is not None
        accounts = SqliteAccounts(path)
        took = milliseconds(lambda: accounts.pruned(study))
        print(f"savings of {len(accounts.pruned(study))} pruned trials {took:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
