"""The examples of docs/examples, tuned as a chat client would, in one real workspace."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packages_for_tests import install_trainer
from tests.workspace_for_tests import Workspace, structure_of, text_of

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
ASKED: dict[str, dict[str, Any]] = {
    "boosting": {},
    "digits": {"epochs_max": 2},
    "logistic": {},
    "perceptron": {"epochs_max": 2, "n_trials": 2},
    "parabola": {},
}


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_trainers_of_ones_own_are_tuned_like_any_other(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    site = install_trainer(tmp_path / "site")
    workspace.environment |= {
        "MCP_AUTOML_CONFIG": str(EXAMPLES / "mcp_automl.toml"),
        "PYTHONPATH": f"{site}:{EXAMPLES.parent.parent}",
        # The `python` of the examples, in a shell in which this environment is active.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    async with workspace.server() as client:
        for model, asked in ASKED.items():
            arguments = {"study_name": model, "model_type": model, "n_trials": 1, **asked}
            started = await client.call_tool("start_automl_study", arguments)
            assert not started.is_error, text_of(started)
    ended = {model: structure_of(await workspace.until_ended(model)) for model in ASKED}

    assert {model: it["study"]["state"] for model, it in ended.items()} == dict.fromkeys(
        ASKED, "COMPLETE"
    )
    best = {model: it["best"]["value"] for model, it in ended.items()}
    assert 0 < best["boosting"] < 0.3
    assert 0 < best["digits"] < 2.3
    assert 0.5 < best["logistic"] <= 1
    assert 0.5 < best["perceptron"] <= 1
    assert 0 <= best["parabola"] <= 0.25
    logs = [path.read_text() for path in (workspace.home / "studies").rglob("log.txt")]
    assert any("epoch 1: validation loss" in log for log in logs)
