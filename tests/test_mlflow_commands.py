"""Commands that log to MLflow, in real processes: what is heard, and when they are let go on."""

import json
from pathlib import Path

import pytest
from anyio import fail_after

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Job, Limits
from mcp_automl.domain.study import Measurement
from mcp_automl.executors.local import LocalExecutor
from tests.commands_for_tests import (
    JOB_SECONDS,
    command_executor,
    losses,
    said,
    said_again,
    script_job,
)
from tests.jobs_for_tests import going, pids_in, survivors

CALLING = """
import http.client, json, os, subprocess, sys, urllib.parse

home = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"])
run = os.environ["MLFLOW_RUN_ID"]

def sent(path, body):
    connection = http.client.HTTPConnection(home.hostname, home.port, timeout=20)
    connection.request("POST", path, body)
    reply = connection.getresponse()
    return reply.status, reply.read()

def call(name, **told):
    path = f"{home.path}/api/2.0/mlflow/{name}"
    status, told = sent(path, json.dumps({"run_id": run, **told}))
    return status, json.loads(told)

def log(step, **metrics):
    logged = [{"key": name, "value": it, "step": step} for name, it in metrics.items()]
    call("runs/log-batch", metrics=logged)
"""
"""What MLflow's client does, without the seconds that importing it takes."""

LOGGING = """
import mlflow

mlflow.set_experiment("an experiment of their own")
with mlflow.start_run(run_name="theirs"):
    mlflow.log_params({"lr": 0.1})
    for step in range(2):
        mlflow.log_metric("train_loss", 2.0, step=step)
        mlflow.log_metrics({"val_loss": 1.0 - step, "val_acc": 0.5}, step=step)
    with mlflow.start_run(nested=True):
        mlflow.log_metric("val_loss", 77.0, step=77)
    mlflow.log_text("a figure", "figure.txt")
    mlflow.log_metric("val_loss", 3.0, step=2, synchronous=False).wait()
    print("so far:", mlflow.get_run(mlflow.active_run().info.run_id).data.metrics["val_loss"])
mlflow.log_metric("val_loss", float("nan"), step=3)
mlflow.delete_run(mlflow.search_runs()["run_id"][0])
"""


@pytest.fixture
def executor() -> LocalExecutor:
    return command_executor()


def logging_job(folder: Path, script: str, *flags: str) -> Job:
    return script_job(folder, script, *flags, options={"measurements": "mlflow"})


def calling_job(folder: Path, script: str) -> Job:
    return logging_job(folder, CALLING + script, "-S")


async def test_what_a_script_logs_to_mlflow_is_measured_as_it_is(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another one")
    job = logging_job(tmp_path, LOGGING)
    *measured, ended = await said(executor, job)

    assert str(losses(measured)) == "[(1, 1.0), (2, 0.0), (3, 3.0), (4, nan)]"
    assert isinstance(measured[0], Measurement)
    assert measured[0].metrics == {"train_loss": 2.0, "val_loss": 1.0, "val_acc": 0.5}
    kept = job.workdir / "mlflow"
    assert (kept / "artifacts" / "figure.txt").read_text() == "a figure"
    assert json.loads((kept / "run.json").read_text())["params"] == {"lr": "0.1"}
    assert "so far: 3.0" in job.log.read_text()
    assert isinstance(ended, Ended) and ended.outcome is Outcome.RAISED
    assert "a training of mcp-automl cannot call runs/delete" in ended.reason


async def test_a_command_does_not_train_on_while_it_is_decided_whether_it_shall(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
log(0, val_loss=1.0, command=os.getpid(), child=child.pid)
open("second", "w")
log(1, val_loss=1.0)
open("third", "w")
"""
    job = calling_job(tmp_path, script)
    with fail_after(JOB_SECONDS):
        async with executor, going(executor, job) as (attempt, words, first):
            assert isinstance(await anext(words), Measurement)
            await attempt.stop()
            assert await anext(words) == Ended(outcome=Outcome.STOPPED)

    assert (tmp_path / "second").exists() and not (tmp_path / "third").exists()
    del first.metrics["val_loss"]  # type: ignore[attr-defined]
    assert await survivors(pids_in(first)) == []


async def test_a_command_that_fails_has_measured_what_it_has_logged(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = "log(7, val_loss='Infinity')\nprint('{\"val_loss\": 1}')\nraise ValueError('the lamp')"
    *measured, ended = await said(executor, calling_job(tmp_path, script))

    assert losses(measured) == [(1, float("inf"))]
    assert isinstance(ended, Ended) and ended.outcome is Outcome.RAISED
    assert ended.reason.endswith("ended with exit code 1: ValueError: the lamp")


async def test_a_command_that_logs_anything_else_is_told_what_it_has_logged(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = "log(0, loss=1.0)\ncall('runs/create', tags=[{'key': 'mlflow.parentRunId'}])"
    (ended,) = await said(executor, calling_job(tmp_path, script))

    assert isinstance(ended, Ended) and ended.outcome is Outcome.RAISED
    assert "logged no metric 'val_loss' to its run of MLflow, but 'loss'" in ended.reason


async def test_calls_that_make_no_sense_are_refused_and_harm_nothing(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = """
import socket

def said(data):
    with socket.create_connection((home.hostname, home.port)) as connection:
        connection.sendall(data)

said(b"")
said(os.urandom(9999))
said(b"POST / HTTP/1.1\\r\\nContent-Length: 99\\r\\n\\r\\nnot all of it")
said(b"one\\r\\n\\r\\n")
said(b"GET /\\xff/api/2.0/mlflow/runs/get HTTP/1.1\\r\\n\\r\\n")
batch = "/api/2.0/mlflow/runs/log-batch"
metric = {"key": "val_loss", "value": 9.0}
told = json.dumps({"run_id": run, "metrics": [metric]})
codes = [
    sent(batch, told),
    sent(f"/guessed{batch}", told),
    sent(f"{home.path}{batch}", "[" * 99999),
    sent(f"{home.path}{batch}", "[]"),
    *(call("runs/log-batch", **wrong) for wrong in (
        {"metrics": 3}, {"metrics": [{"key": "val_loss"}]}, {"run_id": "x"}, {"run_id": ["x"]},
        {"metrics": [{**metric, "step": 1e999}]}, {"tags": [1]},
    )),
    *(call(name) for name in ("runs/delete", "experiments/delete", "metrics/x", "logged-models/x")),
]
log(0, val_loss=1.0)
json.dump([status for status, _ in codes], open("codes", "w"))
"""
    words = await said(executor, calling_job(tmp_path, script))

    assert losses(words) == [(1, 1.0)] and words[-1] == Ended(outcome=Outcome.COMPLETED)
    codes = json.loads((tmp_path / "codes").read_text())
    assert codes == [404, 404, 400, 400, 400, 400, 404, 400, 400, 400, 404, 404, 404, 404]


async def test_a_command_that_hangs_after_it_has_logged_has_stalled(tmp_path: Path) -> None:
    executor = command_executor(Limits(stall_s=1.0))
    script = "import time\nlog(0, val_loss=1.0)\ntime.sleep(1000)"
    *_, ended = await said(executor, calling_job(tmp_path, script))

    assert isinstance(ended, Ended) and ended.outcome is Outcome.STALLED


@pytest.mark.parametrize("begins", [0, 2])
async def test_a_command_that_is_started_again_goes_on_where_its_steps_are_new(
    executor: LocalExecutor, tmp_path: Path, begins: int
) -> None:
    script = f"""
again = os.path.exists("again")
open("again", "w")
for step in range({begins} if again else 0, 4):
    log(step, val_loss=step)
"""
    resumed = await said_again(executor, calling_job(tmp_path, script))

    assert losses(resumed) == [(2, 1.0), (3, 2.0), (4, 3.0)]
