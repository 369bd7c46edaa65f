"""A real study deleted beside the orchestrator that ran it, and another one of its name."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from mcp_automl.stores.archive import SqliteArchive
from mcp_automl.stores.registry import SqliteRegistry
from tests.stores_for_tests import CONFIG
from tests.workspace_for_tests import STUDY_SECONDS, DoomedWorkspace, structure_of, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

NAME = "s"
TWICE = {"study_name": NAME, "confirm_name": NAME}


@pytest.fixture
async def workspace(tmp_path: Path, empty_mlflow_database: Path) -> AsyncIterator[DoomedWorkspace]:
    it = DoomedWorkspace(tmp_path, mlflow=empty_mlflow_database, idle_seconds=60)
    yield it
    it.end()


def leave_files_of_a_deleted_study(workspace: DoomedWorkspace) -> Path:
    """As if a server had been killed after it had deleted the rows."""
    registry = SqliteRegistry(workspace.database)
    study = registry.stop(registry.create(CONFIG).id)
    SqliteArchive(workspace.database).delete(study)
    folder = workspace.home / "studies" / str(study.id)
    (folder / "trials" / "0").mkdir(parents=True)
    return folder


async def trained(client: Client) -> dict[str, Any]:
    """The status of a small study after its end."""
    small = {"study_name": NAME, "n_trials": 2, "epochs_max": 1}
    started = structure_of(await client.call_tool("start_automl_study", small))
    assert started["created"] and started["done"] == 0
    early = await client.call_tool("delete_automl_study", TWICE)
    assert early.is_error and "call stop_automl_study" in text_of(early)
    with anyio.fail_after(STUDY_SECONDS):
        while True:
            told = await client.call_tool("get_automl_study_status", {"study_name": NAME})
            if structure_of(told)["next_look_s"] is None:
                return structure_of(told)
            await anyio.sleep(0.1)


async def test_a_real_study_is_deleted_beside_its_orchestrator_and_its_name_begins_anew(
    workspace: DoomedWorkspace,
) -> None:
    left = await anyio.to_thread.run_sync(leave_files_of_a_deleted_study, workspace)
    async with workspace.server() as client:
        await trained(client)
        orchestrator = workspace.orchestrator()
        assert not left.exists(), "the orchestrator's start deletes it"
        old = workspace.home / "studies" / "2"
        assert list(old.glob("trials/*/model.safetensors"))

        deleted = await client.call_tool("delete_automl_study", TWICE)

        assert text_of(deleted).startswith("[OK] AutoML Study Deleted: s\nGone: 2 trials")
        cost = structure_of(deleted)["cost_usd"]
        assert cost > 0 and os.listdir(old.parent) == []
        listed = await client.call_tool("list_automl_studies", {})
        assert structure_of(listed)["studies"] == []

        status = await trained(client)

        assert status["counts"]["COMPLETE"] + status["counts"]["PRUNED"] == 2
        assert workspace.orchestrator().pid == orchestrator.pid, "with all that it remembered"
        assert workspace.rows("SELECT number FROM trials ORDER BY number") == [(0,), (1,)]
        assert os.listdir(old.parent) == ["3"]
        costs = structure_of(await client.call_tool("get_cost_report", {}))["rows"]
        assert {row["key"]: row["jobs"] for row in costs} == {"s": 2, "s (deleted)": 2}
        assert {row["key"]: row["cost_usd"] for row in costs}["s (deleted)"] == cost
