"""What a workspace survives, with real servers, orchestrators and trainings; see `doomed.py`."""

import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import anyio
import optuna
import psutil
import pytest
from mlflow import MlflowClient

from mcp_automl.orchestrate import LOCK_SECONDS
from tests import doomed
from tests.workspace_for_tests import (
    STUDY_SECONDS,
    DoomedWorkspace,
    structure_of,
    text_of,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

SERVERS = 8
STUDIES = ("first", "second")


@pytest.fixture
async def workspace(tmp_path: Path, empty_mlflow_database: Path) -> AsyncIterator[DoomedWorkspace]:
    # Its orchestrators linger: no test here waits for one to leave.
    it = DoomedWorkspace(tmp_path, mlflow=empty_mlflow_database, idle_seconds=10)
    yield it
    it.end()


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(STUDY_SECONDS):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.02)


async def test_kills_in_epoch_3_of_5_and_right_after_the_end_repeat_one_epoch_and_lose_nothing(
    workspace: DoomedWorkspace,
) -> None:
    workspace.order(kill(1, "epoch", 3, doomed.WORKER))
    await workspace.call("start_automl_study", study_name="s", n_trials=1, epochs_max=5)
    await until(lambda: workspace.struck(1))
    workspace.order(kill(2, "finish", 99, "orchestrate"))
    await workspace.call("get_automl_study_status", study_name="s")
    await until(lambda: workspace.struck(2))

    assert (workspace.doom / "epochs").read_text().split() == ["1", "2", "3", "3", "4", "5"]
    assert workspace.rows("SELECT new_epochs FROM automl_attempts ORDER BY id") == [(2,), (3,)]
    query = "SELECT step FROM trial_intermediate_values ORDER BY step"
    assert workspace.rows(query) == [(1,), (2,), (3,), (4,), (5,)]
    assert workspace.rows("SELECT state FROM automl_studies") == [("COMPLETE",)]
    assert workspace.rows("SELECT count(*) FROM automl_outbox") != [(0,)]

    # Whoever looks, whatever at, sees to it that MLflow hears of the end.
    listed = await workspace.call("list_automl_studies")

    assert structure_of(listed)["studies"][0]["done"] == 1
    await until(lambda: workspace.rows("SELECT count(*) FROM automl_outbox") == [(0,)])


def kill(number: int, site: str, moment: int, role: str) -> doomed.Order:
    """Of the orchestrator, by whoever of that role comes there."""
    victims = "self" if role == "orchestrate" else "orchestrate"
    return {"id": number, "site": site, "moment": moment, "role": role, "victims": victims}


async def test_an_orchestrator_that_was_stopped_stays_the_only_one_and_a_killed_one_is_replaced(
    workspace: DoomedWorkspace,
) -> None:
    await workspace.call("start_automl_study", study_name="s", n_trials=2, epochs_max=20)
    await until(lambda: workspace.rows("SELECT 1 FROM automl_measurements"))
    first = workspace.orchestrator()

    first.send_signal(signal.SIGSTOP)
    status = await workspace.call("get_automl_study_status", study_name="s")
    assert structure_of(status)["study"]["state"] == "RUNNING"
    second = await run_orchestrator(workspace)
    assert second.returncode == 0
    assert "is not needed: another one holds the workspace" in log_of(workspace)
    assert [it.pid for it in workspace.processes("orchestrate")] == [first.pid]

    first.send_signal(signal.SIGCONT)
    measured = "SELECT count(*) FROM automl_measurements"
    before = workspace.rows(measured)
    await until(lambda: workspace.rows(measured) != before)
    workers = workspace.workers()
    assert workers
    first.kill()
    _, alive = psutil.wait_procs([first, *workers], timeout=5)
    # A zombie is dead; that its new parent has not looked yet is not ours to mend.
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive)

    status = await workspace.call("get_automl_study_status", study_name="s")
    assert "the orchestrator was not running and has been started again" in text_of(status)
    assert structure_of(status)["study"]["state"] == "RUNNING"
    assert "Trials completed: 2" in text_of(await workspace.until_ended("s"))
    assert workspace.orchestrator().pid != first.pid
    assert workspace.rows("SELECT number FROM trials ORDER BY number") == [(0,), (1,)]
    assert workspace.rows("SELECT count(*) FROM automl_attempts WHERE cost_usd IS NULL") == [(0,)]


async def test_a_training_that_a_newer_version_and_then_the_user_interrupts_goes_on_where_it_was(
    workspace: DoomedWorkspace,
) -> None:
    # Trials long enough to be interrupted twice, however slow the calls in between are.
    long = {"epochs": 80, "batch_size": 256}
    await workspace.call("start_automl_study", study_name="s", n_trials=3, search_space=long)
    await until(lambda: workspace.rows("SELECT 1 FROM automl_measurements"))
    old = workspace.orchestrator()

    assert "makes way for one of 99.0" in await status_by_a_newer_version(workspace)

    await until(lambda: workspace.orchestrator().pid != old.pid)
    handed_over = workspace.rows("SELECT trial, outcome FROM automl_attempts WHERE id <= 3")
    interrupted = [trial for trial, outcome in handed_over if outcome == "stopped"]
    assert interrupted
    assert {outcome for _, outcome in handed_over} <= {"stopped", "completed"}
    await until(lambda: workspace.rows("SELECT 1 FROM automl_attempts WHERE id > 3 AND new_epochs"))

    asked = structure_of(await workspace.call("stop_automl_study", study_name="s"))
    assert asked["stopping"]
    status = structure_of(await workspace.until_ended("s"))
    ended = (status["study"]["state"], status["study"]["reason"])
    assert ended == ("STOPPED", "stopped by the user")
    assert status["counts"]["RUNNING"] == 0 and status["counts"]["WAITING"] > 0
    assert workspace.workers() == []

    again = await workspace.call("start_automl_study", study_name="s")
    assert text_of(again).startswith("[OK] AutoML Study Resumed: s")
    assert "Trials completed: 3" in text_of(await workspace.until_ended("s"))
    assert workspace.rows("SELECT number FROM trials ORDER BY number") == [(0,), (1,), (2,)]
    # Interrupted after its first epoch, a trial goes on with its second.
    outcomes = workspace.rows("SELECT trial, outcome FROM automl_attempts")
    assert {outcome for _, outcome in outcomes} == {"stopped", "completed"}
    assert any(outcomes.count((trial, "stopped")) == 2 for trial in interrupted)
    ((epochs,),) = workspace.rows("SELECT count(*) FROM automl_measurements")
    stops = sum(outcome == "stopped" for _, outcome in outcomes)
    begun = len((workspace.doom / "epochs").read_text().split())
    assert epochs <= begun <= epochs + stops


async def status_by_a_newer_version(workspace: DoomedWorkspace) -> str:
    """What a server of version 99.0 says of the study; it starts orchestrators of this one."""
    command = [sys.executable, "-P", "-c", NEWER]
    with anyio.fail_after(30):
        said = await anyio.run_process(command, env=workspace.environment)
    return said.stdout.decode()


NEWER = """
import mcp_automl
mcp_automl.__version__ = "99.0"
from mcp_automl.composition import build_service
print(*build_service().status("s").notes)
"""


async def run_orchestrator(workspace: DoomedWorkspace) -> "subprocess.CompletedProcess[bytes]":
    """`mcp-automl orchestrate` as somebody might call it by hand."""
    command = [sys.executable, "-P", "-m", "mcp_automl", "orchestrate"]
    with anyio.fail_after(LOCK_SECONDS + 30):
        return await anyio.run_process(command, env=workspace.environment, check=False)


def log_of(workspace: DoomedWorkspace) -> str:
    return (workspace.home / "logs" / "orchestrator.log").read_text()


START_TWO_STUDIES = """
from mcp_automl.composition import build_service
from mcp_automl.domain.request import StudyRequest
service = build_service()
print("ready", flush=True)
input()
for name in ("first", "second"):
    service.start_study(StudyRequest(name, "mnist", 3, 2))
"""


def start_two_studies_at_once(workspace: DoomedWorkspace) -> list[str]:
    """What each of eight servers, released at the same moment, says of its troubles."""
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", START_TWO_STUDIES],
            env=workspace.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(SERVERS)
    ]
    for server in servers:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
    assert not workspace.home.exists()
    for server in servers:
        assert server.stdin is not None
        server.stdin.write("\n")
        server.stdin.flush()
    return [server.communicate()[1] for server in servers]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Two studies, started eight times each at one moment, and read by others until they ended."""

    workspace: DoomedWorkspace
    said: list[str]
    readings: Counter[str]
    statuses: list[str]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_database: Path) -> Iterator[Crowd]:
    # It lingers: one that leaves between the two studies would rightly be followed by another.
    workspace = DoomedWorkspace(
        tmp_path_factory.mktemp("crowd"), mlflow=empty_mlflow_database, idle_seconds=10
    )
    try:
        said = start_two_studies_at_once(workspace)
        readings, statuses = anyio.run(read_until_ended, workspace)
        yield Crowd(workspace, said, readings, statuses)
    finally:
        workspace.end()


async def read_until_ended(workspace: DoomedWorkspace) -> tuple[Counter[str], list[str]]:
    ended, readings = threading.Event(), Counter[str]()
    await until(lambda: workspace.rows("SELECT 1 FROM automl_measurements"))
    async with anyio.create_task_group() as readers:
        for read in (read_with_optuna, read_with_mlflow):
            readers.start_soon(anyio.to_thread.run_sync, read, workspace, ended, readings)
        try:
            # A reader who never lets go of what it saw first.
            with closing(sqlite3.connect(workspace.database)) as connection:
                connection.execute("BEGIN")
                seen = connection.execute("SELECT count(*) FROM automl_measurements").fetchone()
                statuses = [text_of(await workspace.until_ended(name)) for name in STUDIES]
                again = connection.execute("SELECT count(*) FROM automl_measurements").fetchone()
        finally:
            ended.set()
    assert seen == again
    return readings, statuses


def read_with_optuna(
    workspace: DoomedWorkspace, ended: threading.Event, readings: Counter[str]
) -> None:
    """As `optuna-dashboard` does."""
    storage = f"sqlite:///{workspace.database}"
    while not ended.wait(0.02):
        for summary in optuna.get_all_study_summaries(storage=storage):
            optuna.load_study(study_name=summary.study_name, storage=storage).get_trials()
            readings["optuna"] += 1


def read_with_mlflow(
    workspace: DoomedWorkspace, ended: threading.Event, readings: Counter[str]
) -> None:
    """As `mlflow ui` does."""
    client = MlflowClient(workspace.tracking_uri)
    while not ended.wait(0.02):
        for experiment in client.search_experiments():
            for run in client.search_runs([experiment.experiment_id]):
                client.get_metric_history(run.info.run_id, "val_loss")
        readings["mlflow"] += 1


def test_eight_servers_at_once_on_a_workspace_that_is_not_there_yet_start_one_orchestrator(
    crowd: Crowd,
) -> None:
    assert crowd.said == [""] * SERVERS
    holders = re.findall(r"orchestrator \d+ holds /", log_of(crowd.workspace))
    assert len(holders) == 1
    assert "ERROR" not in log_of(crowd.workspace)


def test_two_studies_that_eight_servers_started_at_once_are_two_and_double_no_trial(
    crowd: Crowd,
) -> None:
    workspace = crowd.workspace
    assert workspace.rows("SELECT name FROM automl_studies ORDER BY name") == [
        (name,) for name in STUDIES
    ]
    attempts = "SELECT study_id, trial FROM automl_attempts ORDER BY study_id, trial"
    assert workspace.rows(attempts) == [(s, n) for s in (1, 2) for n in range(3)]
    assert workspace.rows("SELECT DISTINCT state FROM automl_studies") == [("COMPLETE",)]


def test_optuna_mlflow_and_plain_readers_beside_running_studies_break_nothing(
    crowd: Crowd,
) -> None:
    assert crowd.readings["optuna"] > 1
    assert crowd.readings["mlflow"] > 1
    assert all("Trials completed: 3" in status for status in crowd.statuses)
    attempts = crowd.workspace.rows("SELECT DISTINCT state, outcome FROM automl_attempts")
    assert {state for state, _ in attempts} <= {"COMPLETE", "PRUNED"}
