"""From studies to a model, with nothing faked: servers over stdio, an orchestrator, trainings."""

import ast
import sys
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.workspace_for_tests import LOOK_SECONDS, STUDY_SECONDS, Workspace, structure_of, text_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(240),
    pytest.mark.slow,
]

RATES = {"rates": [1e-5, 1e-3], "equals": [1e-3, 1.001e-3]}

SCORE = """
import sys, mlflow, torch
from safetensors.torch import load_file
mlflow.set_tracking_uri(sys.argv[1])
test = load_file(sys.argv[3])
model = mlflow.pytorch.load_model(sys.argv[2])
assert "trainers" not in sys.modules
print((model(test["test.images"]).argmax(dim=1) == test["test.labels"]).double().mean().item())
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A workspace in which three studies have run side by side, and a job has followed each."""

    workspace: Workspace
    best: dict[str, str]
    """What is said of each study's best parameters, afterwards."""
    jobs: dict[str, dict[str, Any]]
    """By study: how its job ended."""
    queue: str
    """What was said while the jobs were there."""

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.workspace.home / 'mlflow.db'}"

    def run(self, study: str) -> Run:
        """The MLflow run of a study's job."""
        client = MlflowClient(self.uri)
        place = client.get_experiment_by_name(self.jobs[study]["mlflow_experiment"])
        assert place is not None
        (found,) = client.search_runs([place.experiment_id], self.jobs[study]["mlflow_search"])
        return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return anyio.run(_run_all, Workspace(tmp_path_factory.mktemp("jobs") / "home"))


async def _run_all(workspace: Workspace) -> Finished:
    await start_study(workspace, "digits", n_trials=10, epochs_max=2)
    for name, rates in RATES.items():
        space = {"lr": {"choices": rates}, "batch_size": 64, "epochs": 2}
        await start_study(workspace, name, n_trials=5, search_space=space)
    for name in ("digits", *RATES):
        await workspace.until_ended(name)
    best = await workspace.call("get_automl_best_params", study_name="digits")
    started = {"digits": await start_job(workspace, **arguments_of(structure_of(best)["command"]))}
    for name in RATES:
        started[name] = await start_job(workspace, study_name=name, verify_seeds=3)
    queue = text_of(await workspace.call("get_queue_status"))
    jobs = {name: await until_job_ended(workspace, job) for name, job in started.items()}
    told = {n: await workspace.call("get_automl_best_params", study_name=n) for n in RATES}
    # Once it has left, everything has been delivered to MLflow too.
    await anyio.to_thread.run_sync(workspace.orchestrator().wait, STUDY_SECONDS)
    return Finished(workspace, {name: text_of(it) for name, it in told.items()}, jobs, queue)


def arguments_of(command: str) -> dict[str, Any]:
    """A printed tool call, as an agent reads it."""
    call = ast.parse(command, mode="eval").body
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    assert call.func.id == "trigger_training_job"
    return {str(it.arg): ast.literal_eval(it.value) for it in call.keywords}


async def until_job_ended(workspace: Workspace, job: str) -> dict[str, Any]:
    with anyio.fail_after(STUDY_SECONDS):
        async with workspace.server() as client:
            while True:
                shown = await client.call_tool("get_queue_status", {"job_id": job})
                found: dict[str, Any] = structure_of(shown)["job"]
                if found["state"] not in ("QUEUED", "RUNNING"):
                    return found
                await anyio.sleep(LOOK_SECONDS)


async def start_study(workspace: Workspace, name: str, **arguments: Any) -> None:
    result = await workspace.call("start_automl_study", study_name=name, **arguments)
    assert not result.is_error, text_of(result)


async def start_job(workspace: Workspace, **arguments: Any) -> str:
    result = await workspace.call("trigger_training_job", **arguments)
    assert not result.is_error, text_of(result)
    return str(structure_of(result)["job_id"])


async def test_the_printed_command_trains_the_model_to_keep(finished: Finished) -> None:
    job = finished.jobs["digits"]
    assert (job["state"], job["final"], job["objective"]) == ("COMPLETE", True, "test_accuracy")
    run = finished.run("digits")
    assert run.data.metrics["test_accuracy"] == pytest.approx(job["value"], abs=1e-5)
    assert run.info.status == "FINISHED" and run.data.params["epochs"] in ("1", "2")


async def test_its_model_is_loaded_by_a_fresh_process_and_scores_the_same(
    finished: Finished,
) -> None:
    outputs = finished.run("digits").outputs
    assert outputs is not None
    (model,) = outputs.model_outputs
    (images,) = (finished.workspace.home / "data").glob("digits-*.safetensors")
    arguments = [finished.uri, f"models:/{model.model_id}", str(images)]
    command = [sys.executable, "-P", "-c", SCORE, *arguments]
    done = await anyio.run_process(command, check=False)
    assert done.returncode == 0, done.stderr.decode()
    score = float(done.stdout.decode().splitlines()[-1])
    assert score == pytest.approx(finished.jobs["digits"]["value"], abs=1e-5)


@pytest.mark.parametrize(
    ("study", "verdict", "words"),
    [
        ("rates", "better", "The best one is better"),
        ("equals", "within the noise", "is within the noise"),
    ],
)
async def test_a_win_is_verified_with_fresh_seeds(
    finished: Finished, study: str, verdict: str, words: str
) -> None:
    assert finished.jobs[study]["verification"]["verdict"] == verdict
    assert words in finished.best[study]


async def test_the_queue_named_the_jobs_while_they_were_there(finished: Finished) -> None:
    assert all(finished.jobs[name]["job_id"] in finished.queue for name in RATES)
    assert "of 3 slots in use" in finished.queue


async def test_studies_side_by_side_all_got_slots_before_the_first_had_ended(
    finished: Finished,
) -> None:
    query = """
        SELECT s.name, MIN(a.started_at), MAX(a.ended_at) FROM automl_attempts a
        JOIN automl_studies s ON s.id = a.study_id WHERE s.kind = 'study' GROUP BY s.id
    """
    rows = finished.workspace.rows(query)
    first_end = min(ended for _, _, ended in rows)
    assert len(rows) == 3 and all(started < first_end for _, started, _ in rows)
