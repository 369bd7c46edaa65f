"""From a study to a model, with nothing faked: servers over stdio, an orchestrator, trainings."""

import ast
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.workspace_for_tests import LOOK_SECONDS, STUDY_SECONDS, Workspace, structure_of, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240), pytest.mark.slow]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home", idle_seconds=5.0)


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


@pytest.mark.parametrize(
    ("rates", "verdict"), [([1e-5, 1e-3], "better"), ([1e-3, 1.001e-3], "within the noise")]
)
async def test_a_win_is_verified_with_fresh_seeds(
    workspace: Workspace, rates: list[float], verdict: str
) -> None:
    space = {"lr": {"choices": rates}, "batch_size": 64, "epochs": 2}
    await start_study(workspace, "rates", n_trials=5, search_space=space)
    await workspace.until_ended("rates")
    job = await start_job(workspace, study_name="rates", verify_seeds=3)
    shown = await until_job_ended(workspace, job)
    assert shown["verification"]["verdict"] == verdict
    best = await workspace.call("get_automl_best_params", study_name="rates")
    words = {"better": "The best one is better", "within the noise": "is within the noise"}
    assert words[verdict] in text_of(best)
