"""What the server has loaded when it is ready to answer."""

import json
import subprocess
import sys

READY = """
import json, sys
from mcp_automl.server.app import build
build(lambda: None)
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = {
    "filelock",
    "mcp_automl.service",
    "mcp_automl.settings",
    "mlflow",
    "optuna",
    "pydantic_settings",
    "sqlalchemy",
    "torch",
    "transformers",
    "typer",
}


def test_a_server_that_can_answer_has_loaded_nothing_heavy() -> None:
    command = [sys.executable, "-c", READY]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    loaded = set(json.loads(done.stdout))
    assert "mcp_automl.server.app" in loaded
    assert loaded & HEAVY == set()
