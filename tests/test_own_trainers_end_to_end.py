"""The examples of docs/examples, tuned as a chat client would, in one real workspace."""

from pathlib import Path

import pytest

from tests.workspace_for_tests import Workspace, structure_of, text_of

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_trainers_of_ones_own_are_tuned_like_any_other(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.environment |= {"MCP_AUTOML_CONFIG": str(EXAMPLES / "mcp_automl.toml")}
    async with workspace.server() as client:
        for model, epochs_max in (("boosting", None), ("digits", 2)):
            arguments = {"study_name": f"own-{model}", "model_type": model, "n_trials": 2}
            started = await client.call_tool(
                "start_automl_study", arguments | ({"epochs_max": epochs_max} if epochs_max else {})
            )
            assert not started.is_error, text_of(started)

    boosting = structure_of(await workspace.until_ended("own-boosting"))
    digits = structure_of(await workspace.until_ended("own-digits"))

    assert boosting["study"]["state"] == digits["study"]["state"] == "COMPLETE"
    assert 0 < boosting["best"]["value"] < 0.3
    assert 0 < digits["best"]["value"] < 2.3
    logs = [path.read_text() for path in (workspace.home / "studies").rglob("log.txt")]
    assert any("epoch 1: validation loss" in log for log in logs)
