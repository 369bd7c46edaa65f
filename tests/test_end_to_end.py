"""The main job with nothing faked: a client, servers, an orchestrator, workers, real trainings."""

import csv
import json
import math
import os
import pwd
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import optuna
import psutil
import pytest
from mlflow import MlflowClient
from safetensors.numpy import load_file

from tests.workspace_for_tests import (
    STUDY_SECONDS,
    Workspace,
    deepest_overlap,
    structure_of,
    text_of,
)

NAME = "mnist-e2e"
TRIALS = 8
EPOCHS_MAX = 3

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True, slots=True)
class Finished:
    """One real study, followed by a client that came only after its server had gone."""

    workspace: Workspace
    started: str
    server_gone_at: float
    inherited: set[str]
    """Pipes of the server that the orchestrator held too."""
    orchestrator: psutil.Process
    parents: list[int]
    status: str
    structure: dict[str, Any]
    """The same status, structured."""
    best: dict[str, Any]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return anyio.run(_run_study, Workspace(tmp_path_factory.mktemp("home") / "workspace"))


async def _run_study(workspace: Workspace) -> Finished:
    async with workspace.server() as client:
        arguments = {"study_name": NAME, "n_trials": TRIALS, "epochs_max": EPOCHS_MAX}
        started = await client.call_tool("start_automl_study", arguments)
        orchestrator = await _orchestrator(workspace)
        (server,) = _servers()
        inherited = _pipes(server) & _pipes(orchestrator)
        parents = [parent.pid for parent in orchestrator.parents()]
    server_gone_at = time.time()
    status = await workspace.until_ended(NAME)
    best = await workspace.call("get_automl_best_params", study_name=NAME)
    # Once it has left, everything has been delivered to MLflow too.
    await anyio.to_thread.run_sync(orchestrator.wait, STUDY_SECONDS)
    return Finished(
        workspace,
        text_of(started),
        server_gone_at,
        inherited,
        orchestrator,
        parents,
        text_of(status),
        structure_of(status),
        structure_of(best),
    )


async def _orchestrator(workspace: Workspace) -> psutil.Process:
    with anyio.fail_after(30):
        while not workspace.rows("SELECT pid FROM automl_orchestrator"):  # noqa: ASYNC110
            await anyio.sleep(0.05)
    return workspace.orchestrator()


def _servers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if child.cmdline()[-1:] == ["serve"]]


def _pipes(process: psutil.Process) -> set[str]:
    links = (os.readlink(fd) for fd in Path(f"/proc/{process.pid}/fd").iterdir())
    return {link for link in links if link.startswith(("pipe:", "socket:"))}


def test_starting_a_study_answers_with_the_block_of_the_guide(finished: Finished) -> None:
    lines = finished.started.splitlines()
    assert lines[0] == f"[OK] AutoML Study Started: {NAME}"
    assert lines[1].startswith("Model: mnist (")
    assert lines[2].startswith(f"Trials: {TRIALS} in total, up to 3 in parallel on ")
    assert lines[-1] == f'Next: get_automl_study_status(study_name="{NAME}")'


def test_a_finished_study_answers_with_the_block_of_the_guide_and_names_its_data(
    finished: Finished,
) -> None:
    block = (
        rf"\[OK\] AutoML Study Complete: {NAME}\nModel: mnist\nTrials completed: {TRIALS}\n"
        r"Best val_accuracy: 0\.\d{4}\n\nBest hyperparameters:\n"
        r"  lr: [\d.e-]+\n  batch_size: \d+\n  epochs: [1-3]\n"
    )
    assert re.match(block, finished.status)
    assert re.search(r"(digits|MNIST).* train / \d+ validation", finished.status)


def test_the_study_ran_on_after_its_server_had_gone(finished: Finished) -> None:
    ((last_end,),) = finished.workspace.rows("SELECT max(ended_at) FROM automl_attempts")
    assert last_end > finished.server_gone_at
    assert len(_trials(finished)) == TRIALS


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_orchestrator_holds_no_descriptor_of_the_server_and_is_not_its_child(
    finished: Finished,
) -> None:
    assert finished.inherited == set()
    assert os.getpid() not in finished.parents


def test_three_workers_train_at_once_and_never_four(finished: Finished) -> None:
    attempts = finished.workspace.rows("SELECT pid, started_at, ended_at FROM automl_attempts")
    assert deepest_overlap([(start, end) for _, start, end in attempts]) == 3
    assert len({pid for pid, _, _ in attempts}) == TRIALS
    trials = [(t.datetime_start, t.datetime_complete) for t in _trials(finished)]
    assert deepest_overlap(trials) == 3


def _trials(finished: Finished) -> list[optuna.trial.FrozenTrial]:
    study = optuna.load_study(study_name=NAME, storage=f"sqlite:///{finished.workspace.database}")
    return study.trials


def test_plain_optuna_reads_every_trial_with_a_value_for_every_epoch(finished: Finished) -> None:
    trials = _trials(finished)
    assert [trial.number for trial in trials] == list(range(TRIALS))
    for trial in trials:
        trained = max(trial.intermediate_values)
        assert list(trial.intermediate_values) == list(range(1, trained + 1))
        assert trial.value == trial.intermediate_values[trained]
        if trial.state is optuna.trial.TrialState.PRUNED:
            assert "the median of" in trial.user_attrs["reason"]
        else:
            assert trained == trial.params["epochs"]


def test_the_first_trial_is_the_default_configuration(finished: Finished) -> None:
    assert _trials(finished)[0].params == {"lr": 1e-3, "batch_size": 64, "epochs": EPOCHS_MAX}


def test_mlflow_has_the_same_trials_nested_under_one_run_with_every_epoch(
    finished: Finished,
) -> None:
    client = MlflowClient(f"sqlite:///{finished.workspace.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mnist-training")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.study_name = 'mnist-e2e'")
    nested = {int(r.data.tags["trial_number"]): r for r in runs if "trial_number" in r.data.tags}
    assert len(runs) == TRIALS + 1
    for trial in _trials(finished):
        run = nested[trial.number]
        history = client.get_metric_history(run.info.run_id, "val_loss")
        complete = trial.state is optuna.trial.TrialState.COMPLETE
        assert run.info.status == ("FINISHED" if complete else "KILLED")
        assert sorted(m.step for m in history) == list(trial.intermediate_values)
        assert float(run.data.params["lr"]) == trial.params["lr"]
        assert re.match(rf"automl-mnist-trial{trial.number}-\d{{8}}", str(run.info.run_name))


def test_a_trial_costs_the_seconds_of_its_attempts_times_the_slots_price(
    finished: Finished,
) -> None:
    rows = finished.workspace.rows(
        "SELECT cost_usd, (ended_at - started_at) * usd_per_hour / 3600 FROM automl_attempts"
    )
    # The two clocks differ by what lies between asking the sampler and the process's start.
    assert all(math.isclose(cost, metered, rel_tol=0.25) for cost, metered in rows)
    costs = [trial.user_attrs["cost_usd"] for trial in _trials(finished)]
    assert math.isclose(sum(costs), sum(cost for cost, _ in rows))


def test_every_trials_cost_is_the_same_in_our_ledger_in_optuna_and_in_mlflow(
    finished: Finished,
) -> None:
    query = "SELECT trial, SUM(cost_usd) FROM automl_attempts GROUP BY trial"
    ours = dict(finished.workspace.rows(query))
    optunas = {trial.number: trial.user_attrs["cost_usd"] for trial in _trials(finished)}
    client = MlflowClient(f"sqlite:///{finished.workspace.home / 'mlflow.db'}")
    experiments = [it.experiment_id for it in client.search_experiments()]
    runs = client.search_runs(experiments, "tags.trial_number != ''")
    mlflows = {int(run.data.tags["trial_number"]): run.data.metrics["cost_usd"] for run in runs}
    assert len(ours) == TRIALS and min(ours.values()) > 0
    assert optunas == mlflows == pytest.approx(ours)


async def test_the_cost_report_adds_up_however_it_is_grouped(finished: Finished) -> None:
    ((total, jobs),) = finished.workspace.rows(
        "SELECT SUM(cost_usd), COUNT(*) FROM automl_attempts"
    )
    user = pwd.getpwuid(os.getuid()).pw_name
    # Midnight may have come meanwhile: then there are two days.
    keys = {"study": NAME, "model": "mnist", "owner": user, "day": None}
    async with finished.workspace.server() as client:
        for by, key in keys.items():
            arguments = {"group_by": by, "since": "1d"}
            result = await client.call_tool("get_cost_report", arguments)
            rows = structure_of(result)["rows"]
            assert key is None or [row["key"] for row in rows] == [key]
            assert sum(row["jobs"] for row in rows) == jobs
            assert math.isclose(sum(row["cost_usd"] for row in rows), total, abs_tol=2e-6)
            assert text_of(result).startswith(f"[Info] AutoML Costs by {by} since ")
        (resource,) = (await client.read_resource("automl://costs")).contents
    costs = json.loads(getattr(resource, "text"))  # noqa: B009
    assert math.isclose(costs["total"]["cost_usd"], total, abs_tol=1e-6)


def test_the_command_line_shows_the_same_table(finished: Finished) -> None:
    def shown(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mcp_automl", "costs", *options]
        environment = finished.workspace.environment
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)

    table = shown("--by", "model", "--since", "1d").stdout.splitlines()
    assert table[0].startswith("[Info] AutoML Costs by model since ")
    assert [line.split()[0] for line in table[2:4]] == ["mnist", "Total"]
    refused = shown("--by", "week")
    assert refused.returncode == 1 and "group_by must be one of 'study'" in refused.stderr


def test_the_status_tells_what_pruning_saved_epoch_by_epoch(finished: Finished) -> None:
    pruned = [t for t in _trials(finished) if t.state is optuna.trial.TrialState.PRUNED]
    missing = {t.number: t.params["epochs"] - max(t.intermediate_values) for t in pruned}
    rows = finished.workspace.rows(
        "SELECT trial, AVG(seconds) * MAX(usd_per_hour) / 3600 "
        "FROM automl_measurements JOIN automl_attempts USING (study_id, trial) GROUP BY trial"
    )
    saved = sum(missing.get(trial, 0) * an_epoch for trial, an_epoch in rows)
    assert finished.structure["saved_epochs"] == sum(missing.values())
    assert math.isclose(finished.structure["saved_usd"], saved, rel_tol=0.25, abs_tol=1e-6)
    assert ("Pruning saved " in finished.status) == bool(missing)


def test_the_best_trials_model_file_loads_and_only_the_three_best_have_one(
    finished: Finished,
) -> None:
    number = finished.best["trial"]["number"]
    trials = finished.workspace.home / "studies" / "1" / "trials"
    assert finished.best["model_file"] == str(trials / str(number) / "model.safetensors")
    assert load_file(finished.best["model_file"])
    complete = [t for t in _trials(finished) if t.state is optuna.trial.TrialState.COMPLETE]
    ranked = sorted(complete, key=lambda t: (-(t.value or 0.0), t.number))
    kept = {int(file.parent.name) for file in trials.glob("*/*.safetensors")}
    assert kept == {trial.number for trial in ranked[:3]} and len(kept) == 3
    assert len(list(trials.glob("*/log.txt"))) == TRIALS


def test_the_best_trials_run_is_found_as_it_is_said(finished: Finished) -> None:
    client = MlflowClient(f"sqlite:///{finished.workspace.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(finished.best["mlflow_experiment"])
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], finished.best["mlflow_search"])
    assert run.data.tags["trial_number"] == str(finished.best["trial"]["number"])


def test_the_printed_terminal_command_repeats_the_best_trial_exactly(
    finished: Finished, tmp_path: Path
) -> None:
    command = shlex.split(finished.best["terminal"])
    data = finished.workspace.home / "data"
    rerun = subprocess.run(
        [sys.executable, *command[1:], "--data-dir", str(data), "--workdir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=STUDY_SECONDS,
        check=True,
    )
    assert rerun.stdout == ""
    assert f"val_accuracy {finished.best['trial']['value']:.4f}" in rerun.stderr


async def test_the_exported_script_repeats_the_best_trial_exactly(
    finished: Finished, tmp_path: Path
) -> None:
    result = await finished.workspace.call("export_automl_study", study_name=NAME)
    path = structure_of(result)["path"]
    data = finished.workspace.home / "data"
    with anyio.fail_after(STUDY_SECONDS):
        rerun = await anyio.run_process(
            [sys.executable, path, "--data-dir", str(data), "--workdir", str(tmp_path)]
        )
    assert rerun.stdout == b""
    assert f"val_accuracy {finished.best['trial']['value']:.4f}" in rerun.stderr.decode()
    again, kept = tmp_path / "model.safetensors", Path(finished.best["model_file"])
    assert again.read_bytes() == kept.read_bytes()


def test_the_command_line_writes_all_trials_to_a_table(finished: Finished) -> None:
    command = [sys.executable, "-m", "mcp_automl", "export", NAME, "--format", "csv"]
    environment = finished.workspace.environment
    said = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert said.stdout.startswith(f"[OK] AutoML Study Exported: {NAME}\n{TRIALS} trials: ")
    with open(finished.workspace.home / "exports" / f"{NAME}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == [trial.value for trial in _trials(finished)]


def test_the_orchestrator_leaves_when_idle_and_takes_every_process_with_it(
    finished: Finished,
) -> None:
    assert not finished.orchestrator.is_running()
    assert finished.workspace.workers() == []
