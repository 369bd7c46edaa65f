"""Rows of `automl_attempts`: every occupation of a slot by a trial, what it cost, how it ended.

An attempt is open until it has an `ended_at`. A closed one holds the decision about its trial,
which is told to Optuna *after* it is stored here: recovery repeats what was not told.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcp_automl.domain.budget import COST_BUDGET
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart, ProcessRef
from mcp_automl.domain.prices import charge
from mcp_automl.domain.study import Study, TrialState, Waiting
from mcp_automl.stores import trials

LOST = "lost"
"""The outcome of an attempt whose orchestrator vanished before it was closed."""

FOR_COST = f"reason LIKE '{COST_BUDGET}%'"
"""What tells a PRUNED trial that the budget ended from one that the pruner did."""

LATEST = 20
"""How many finished trials an estimate is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAttempt:
    """An attempt that nobody has closed yet."""

    id: int
    study_id: int
    trial: int
    process: ProcessRef
    started_at: float
    alive_at: float
    usd_per_hour: float

    def cost(self, until: float) -> float:
        """Dollars from its start until then."""
        return charge(until - self.started_at, self.usd_per_hour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a trial's latest closed attempt left it as."""

    state: TrialState
    value: float | None
    reason: str


def begin(connection: sqlite3.Connection, study_id: int, start: AttemptStart) -> None:
    slot = start.slot
    connection.execute(
        """
        INSERT INTO automl_attempts (study_id, trial, slot, device, shared, usd_per_hour, pid,
                                     process_started, started_at, alive_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            study_id,
            start.trial,
            slot.id,
            slot.label,
            slot.shared,
            slot.usd_per_hour,
            start.process.pid,
            start.process.started,
            start.at,
            start.at,
        ),
    )


def close(
    connection: sqlite3.Connection,
    study_id: int,
    record: Record,
    outcome: Outcome | None,
    at: float,
) -> bool:
    """Closes the trial's open attempt with the decision about it; False if there was nothing.

    A job that never came to have an attempt, because its launch failed, gets one here that is
    closed already. Without an outcome the trial was not even launched: that leaves no trace, but if
    it is given up, this is decided about its latest attempt, or about one that took no time.
    """
    word = None if outcome is None else outcome.value
    if _close_open(connection, study_id, record, word, at):
        return True
    if outcome is None and not record.state.is_finished:
        return False
    if outcome is None and _judge_latest(connection, study_id, record):
        return True
    connection.execute(
        """
        INSERT INTO automl_attempts (study_id, trial, slot, device, shared, usd_per_hour, pid,
                                     process_started, started_at, alive_at)
        VALUES (?, ?, '', '', 0, 0, 0, 0, ?, ?)
        """,
        (study_id, record.trial, at, at),
    )
    return _close_open(connection, study_id, record, word, at)


def _close_open(
    connection: sqlite3.Connection, study_id: int, record: Record, outcome: str | None, at: float
) -> bool:
    cursor = connection.execute(
        """
        UPDATE automl_attempts
        SET ended_at = ?, cost_usd = ?, outcome = ?, state = ?, value = ?, reason = ?
        WHERE study_id = ? AND trial = ? AND ended_at IS NULL
        """,
        (
            at,
            record.cost_usd,
            outcome,
            record.state.value,
            record.value,
            record.reason,
            study_id,
            record.trial,
        ),
    )
    return cursor.rowcount == 1


def _judge_latest(connection: sqlite3.Connection, study_id: int, record: Record) -> bool:
    """Another decision about the trial's latest attempt, which is closed; what it cost stays."""
    cursor = connection.execute(
        """
        UPDATE automl_attempts SET state = ?, reason = ?
        WHERE id = (SELECT MAX(id) FROM automl_attempts WHERE study_id = ? AND trial = ?)
        """,
        (record.state.value, record.reason, study_id, record.trial),
    )
    return cursor.rowcount == 1


def lose(connection: sqlite3.Connection, attempt: OpenAttempt, at: float, record: Record) -> None:
    """Closes an attempt that its orchestrator did not live to close."""
    _close_open(connection, attempt.study_id, record, LOST, at)


def progressed(connection: sqlite3.Connection, study_id: int, trial: int) -> None:
    """Counts a new epoch of the trial's open attempt."""
    update = """
        UPDATE automl_attempts SET new_epochs = new_epochs + 1
        WHERE study_id = ? AND trial = ? AND ended_at IS NULL
    """
    connection.execute(update, (study_id, trial))


def alive(connection: sqlite3.Connection, at: float) -> None:
    """All open attempts are alive: they are charged at least until then."""
    update = "UPDATE automl_attempts SET alive_at = MAX(alive_at, ?) WHERE ended_at IS NULL"
    connection.execute(update, (at,))


def all_open(connection: sqlite3.Connection) -> list[OpenAttempt]:
    """Oldest first."""
    query = "SELECT * FROM automl_attempts WHERE ended_at IS NULL ORDER BY id"
    return [opened(row) for row in connection.execute(query)]


def opened(row: sqlite3.Row) -> OpenAttempt:
    """A row of an attempt that is open."""
    return OpenAttempt(
        id=row["id"],
        study_id=row["study_id"],
        trial=row["trial"],
        process=ProcessRef(pid=row["pid"], started=row["process_started"]),
        started_at=row["started_at"],
        alive_at=row["alive_at"],
        usd_per_hour=row["usd_per_hour"],
    )


def decision(connection: sqlite3.Connection, study_id: int, trial: int) -> Decision | None:
    """What the latest attempt left the trial as; None while it is open, or if there is none."""
    query = """
        SELECT state, value, reason FROM automl_attempts
        WHERE study_id = ? AND trial = ? ORDER BY id DESC LIMIT 1
    """
    row = connection.execute(query, (study_id, trial)).fetchone()
    if row is None or row["state"] is None:
        return None
    return Decision(state=TrialState(row["state"]), value=row["value"], reason=row["reason"])


def count(connection: sqlite3.Connection, study_id: int, trial: int) -> int:
    query = "SELECT COUNT(*) FROM automl_attempts WHERE study_id = ? AND trial = ?"
    return int(connection.execute(query, (study_id, trial)).fetchone()[0])


def cost(connection: sqlite3.Connection, study_id: int, trial: int | None = None) -> float:
    """What a study's attempts, or one trial's, have cost; open ones up to their sign of life."""
    which, of = "study_id = ?", [study_id]
    if trial is not None:
        which, of = f"{which} AND trial = ?", [study_id, trial]
    closed = f"SELECT TOTAL(cost_usd) FROM automl_attempts WHERE {which}"
    (spent,) = connection.execute(closed, of).fetchone()
    going = _still_open(connection, which, of)
    return float(spent) + sum(attempt.cost(attempt.alive_at) for attempt in going)


def costs(connection: sqlite3.Connection, study_id: int) -> dict[int, float]:
    """What each trial of a study has cost, by the rule of `cost`; two queries, however many."""
    closed = "SELECT trial, TOTAL(cost_usd) FROM automl_attempts WHERE study_id = ? GROUP BY trial"
    spent = {int(trial): float(usd) for trial, usd in connection.execute(closed, (study_id,))}
    for attempt in _still_open(connection, "study_id = ?", [study_id]):
        spent[attempt.trial] += attempt.cost(attempt.alive_at)
    return spent


def _still_open(
    connection: sqlite3.Connection, which: str, of: Sequence[int]
) -> Iterator[OpenAttempt]:
    """Open attempts have no cost yet: they are metered here, by the rule that their end will be."""
    query = f"SELECT * FROM automl_attempts WHERE {which} AND ended_at IS NULL"
    return (opened(row) for row in connection.execute(query, of))


def latest_durations(connection: sqlite3.Connection, study_id: int) -> tuple[float, ...]:
    """Seconds that each of the latest COMPLETE and PRUNED trials has trained, oldest first."""
    # CROSS JOIN: SQLite keeps the order, and looks up these few instead of reading all attempts.
    query = """
        SELECT SUM(a.ended_at - a.started_at) FROM (
            SELECT trial, MAX(id) AS last FROM (
                SELECT id, trial FROM automl_attempts
                WHERE study_id = ? AND state IN ('COMPLETE', 'PRUNED') ORDER BY id DESC LIMIT ?
            ) GROUP BY trial
        ) l CROSS JOIN automl_attempts a ON a.study_id = ? AND a.trial = l.trial
        WHERE a.ended_at IS NOT NULL GROUP BY a.trial ORDER BY l.last
    """
    rows = connection.execute(query, (study_id, LATEST, study_id))
    return tuple(max(0.0, float(total)) for (total,) in rows)


def pruned_for_cost(connection: sqlite3.Connection, study_id: int) -> int:
    """PRUNED trials that the budget ended."""
    # CROSS JOIN: an index alone says which are PRUNED, and the rows of these alone are read.
    query = f"""
        SELECT COUNT(DISTINCT a.trial) FROM automl_attempts p
        CROSS JOIN automl_attempts a ON a.id = p.id
        WHERE p.study_id = ? AND p.state = 'PRUNED' AND a.{FOR_COST}
    """
    return int(connection.execute(query, (study_id,)).fetchone()[0])


def interrupted(connection: sqlite3.Connection, study_id: int) -> int:
    """Trials whose latest attempt left them WAITING."""
    query = """
        SELECT COUNT(*) FROM automl_attempts a
        WHERE study_id = :study AND state = 'WAITING' AND id =
            (SELECT MAX(id) FROM automl_attempts WHERE study_id = :study AND trial = a.trial)
    """
    return int(connection.execute(query, {"study": study_id}).fetchone()[0])


def waiting(connection: sqlite3.Connection, study: Study, trial: int) -> Waiting | None:
    """How an interrupted trial stands; None for one that was never attempted."""
    query = """
        SELECT outcome, new_epochs, shared, started_at, ended_at FROM automl_attempts
        WHERE study_id = ? AND trial = ? ORDER BY id DESC
    """
    rows = connection.execute(query, (study.id, trial)).fetchall()
    if not rows:
        return None
    last = trials.last_measurement(connection, study, trial)
    return Waiting(
        epoch=0 if last is None else last.epoch,
        value=None if last is None else last.value(study.config.objective),
        spent_usd=cost(connection, study.id, trial),
        barren=_barren(rows),
        alone=any(r["shared"] and r["outcome"] == Outcome.OUT_OF_MEMORY.value for r in rows),
        trained_s=sum(_seconds(row) for row in rows),
        longest_s=max(
            (_seconds(row) for row in rows if row["outcome"] == Outcome.STOPPED.value), default=0.0
        ),
    )


def _seconds(row: sqlite3.Row) -> float:
    return max(0.0, row["ended_at"] - row["started_at"]) if row["ended_at"] else 0.0


def _barren(newest_first: list[sqlite3.Row]) -> int:
    """The latest attempts in a row without a new epoch; what we stopped does not speak."""
    barren = 0
    for row in newest_first:
        if row["new_epochs"]:
            break
        barren += row["outcome"] != Outcome.STOPPED.value
    return barren
