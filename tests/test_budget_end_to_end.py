"""A budget over a real study: kept through a kill, told in the status, raised later."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from mcp_automl.domain.budget import ENDING_SECONDS
from mcp_automl.domain.prices import charge
from tests.workspace_for_tests import STUDY_SECONDS, DoomedWorkspace, structure_of, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

LEDGER = "SELECT TOTAL(cost_usd) FROM automl_attempts a JOIN automl_studies s ON s.id = a.study_id"


@pytest.fixture
async def workspace(tmp_path: Path, empty_mlflow_database: Path) -> AsyncIterator[DoomedWorkspace]:
    it = DoomedWorkspace(tmp_path, mlflow=empty_mlflow_database, idle_seconds=10)
    it.environment |= {
        "MCP_AUTOML_MAX_PARALLEL_TRIALS": "2",
        # A dollar for a core's second: sums that can be read.
        "MCP_AUTOML_CPU_USD_PER_CORE_HOUR": "3600",
    }
    yield it
    it.end()


def spent(workspace: DoomedWorkspace, name: str) -> float:
    ((usd,),) = workspace.rows(f"{LEDGER} WHERE s.name = '{name}'")
    return float(usd)


async def test_a_real_budget_is_kept_through_a_kill_and_a_larger_one_goes_on_from_there(
    workspace: DoomedWorkspace,
) -> None:
    small = {"epochs_max": 2}
    await workspace.call("start_automl_study", study_name="measured", n_trials=4, **small)
    await workspace.until_ended("measured")
    each = spent(workspace, "measured") / 4
    # These trials take a second or two: what is set aside to end two of them counts.
    ((usd_per_hour,),) = workspace.rows("SELECT MAX(usd_per_hour) FROM automl_attempts")
    budget = 20 * each + 2 * charge(ENDING_SECONDS, usd_per_hour)
    asked = {"study_name": "budgeted", "n_trials": 80, "cost_budget_usd": budget, **small}

    quote = structure_of(await workspace.call("start_automl_study", dry_run=True, **asked))["quote"]
    assert quote["cost_usd"]["expected"] == pytest.approx(80 * each, rel=1e-3)
    assert (quote["budget"], quote["measured"]) == ("too small", 4)
    assert workspace.rows("SELECT name FROM automl_studies") == [("measured",)]

    await workspace.call("start_automl_study", **asked)
    with anyio.fail_after(STUDY_SECONDS):
        query = "SELECT count(*) FROM automl_attempts WHERE study_id = 2 AND ended_at IS NOT NULL"
        while workspace.rows(query) < [(2,)]:  # noqa: ASYNC110
            await anyio.sleep(0.02)
    workspace.orchestrator().kill()
    ended = await workspace.until_ended("budgeted")

    first_spent = spent(workspace, "budgeted")
    assert 0 < first_spent <= budget
    status = structure_of(ended)
    assert status["study"]["reason"].startswith("cost budget: ")
    completed = (
        r"Trials completed: \d+ \(.*\d+ never started\)\nBest val_accuracy: .*\nTotal cost: "
    )
    assert re.search(completed, text_of(ended))

    more = {**asked, "n_trials": status["done"] + 2, "cost_budget_usd": 5 * budget}
    await workspace.call("start_automl_study", **more)
    goes_on = await workspace.until_ended("budgeted")

    assert structure_of(goes_on)["done"] == status["done"] + 2
    assert first_spent < spent(workspace, "budgeted") <= 5 * budget
