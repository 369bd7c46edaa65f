"""What must be true of a workspace after a storm, each broken promise as a sentence."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import optuna
from mlflow import MlflowClient
from mlflow.entities import Run
from safetensors.numpy import load_file

from tests.workspace_for_tests import DoomedWorkspace, Workspace

STOPPED = "stopped"
"""The outcome of what we ended ourselves: it says nothing about the trial."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    trial: int
    outcome: str | None
    new_epochs: int
    started_at: float
    ended_at: float | None
    cost_usd: float | None
    usd_per_hour: float


def attempts(workspace: Workspace) -> list[AttemptRow]:
    """All attempts of the workspace's only study, oldest first."""
    query = """
        SELECT trial, outcome, new_epochs, started_at, ended_at, cost_usd, usd_per_hour
        FROM automl_attempts ORDER BY id
    """
    return [AttemptRow(*row) for row in workspace.rows(query)]


def barren(rows: list[AttemptRow]) -> dict[int, int]:
    """By trial: its latest attempts in a row without a new epoch."""
    counts: dict[int, int] = defaultdict(int)
    for row in rows:
        if row.new_epochs:
            counts[row.trial] = 0
        elif row.outcome != STOPPED:
            counts[row.trial] += 1
    return dict(counts)


def lost(workspace: DoomedWorkspace, name: str, n_trials: int) -> list[str]:
    """Everything that is not as it was promised."""
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{workspace.database}")
    return [
        *_trials(study, n_trials),
        *_epochs(workspace, study),
        *_attempts(attempts(workspace)),
        *_money(workspace, study),
        *_mlflow(workspace, study),
        *_best_model(workspace, study),
        *(f"process {process} is left" for process in workspace.processes()),
    ]


def _trials(study: optuna.Study, n_trials: int) -> Iterator[str]:
    numbers = [trial.number for trial in study.trials]
    if numbers != list(range(n_trials)):
        yield f"trials are numbered {numbers}"
    finished = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    for trial in study.trials:
        if trial.state not in finished:
            yield f"trial #{trial.number} is {trial.state.name}: {trial.user_attrs.get('reason')}"


def _epochs(workspace: Workspace, study: optuna.Study) -> Iterator[str]:
    ours: dict[int, list[int]] = defaultdict(list)
    for trial, epoch in workspace.rows(
        "SELECT trial, epoch FROM automl_measurements ORDER BY 1, 2"
    ):
        ours[trial].append(epoch)
    for trial in study.trials:
        known = sorted(trial.intermediate_values)
        if known != list(range(1, len(known) + 1)) or known != ours[trial.number]:
            yield f"trial #{trial.number} has epochs {known}, and we {ours[trial.number]}"
        if trial.state is optuna.trial.TrialState.COMPLETE and len(known) != trial.params["epochs"]:
            yield f"trial #{trial.number} is COMPLETE after {len(known)} epochs"


def _attempts(rows: list[AttemptRow]) -> Iterator[str]:
    by_trial: dict[int, list[AttemptRow]] = defaultdict(list)
    for row in rows:
        by_trial[row.trial].append(row)
    for trial, its in by_trial.items():
        for before, after in pairwise(its):
            # The charge for a lost attempt is rounded up, by at most five seconds.
            if before.ended_at is None or before.ended_at > after.started_at + 0.001:
                yield f"trial #{trial} ran twice at once: {before} {after}"
        if its[-1].ended_at is None:
            yield f"trial #{trial} has an open attempt"


def _money(workspace: Workspace, study: optuna.Study) -> Iterator[str]:
    rows = attempts(workspace)
    for row in rows:
        metered = ((row.ended_at or 0.0) - row.started_at) * row.usd_per_hour / 3600
        # Two clocks: what lies between asking the sampler and the process's start.
        slack = 2.0 * row.usd_per_hour / 3600
        if row.cost_usd is None or not math.isclose(row.cost_usd, metered, abs_tol=slack):
            yield f"an attempt costs {row.cost_usd} and not {metered}: {row}"
    total = sum(row.cost_usd or 0.0 for row in rows)
    told = sum(trial.user_attrs.get("cost_usd", 0.0) for trial in study.trials)
    if not math.isclose(total, told):
        yield f"the attempts cost {total}, the trials {told}"


def _mlflow(workspace: DoomedWorkspace, study: optuna.Study) -> Iterator[str]:
    ((waiting,),) = workspace.rows("SELECT count(*) FROM automl_outbox")
    if waiting:
        yield f"{waiting} entries have not been delivered to MLflow"
    client = MlflowClient(workspace.tracking_uri)
    experiment = client.get_experiment_by_name("mnist-training")
    runs = [] if experiment is None else list(client.search_runs([experiment.experiment_id]))
    counts = Counter(run.data.tags.get("trial_number", "study") for run in runs)
    if counts != Counter(["study", *(str(trial.number) for trial in study.trials)]):
        yield f"MLflow's runs are {dict(counts)}"
    for run in runs:
        yield from _run(client, run, study)


def _run(client: MlflowClient, run: Run, study: optuna.Study) -> Iterator[str]:
    number = run.data.tags.get("trial_number")
    if run.info.status == "RUNNING":
        yield f"MLflow's run of {number} is not closed"
    if number is not None and int(number) < len(study.trials):
        steps = {it.step for it in client.get_metric_history(run.info.run_id, "val_loss")}
        if steps != set(study.trials[int(number)].intermediate_values):
            yield f"MLflow's run of #{number} has epochs {sorted(steps)}"


def _best_model(workspace: Workspace, study: optuna.Study) -> Iterator[str]:
    folder = workspace.home / "studies" / "1" / "trials" / str(study.best_trial.number)
    try:
        load_file(folder / "model.safetensors")
    except Exception as error:
        yield f"the best trial's model cannot be loaded: {error}"
