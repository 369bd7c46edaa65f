"""Has models logged by a process that may import what they are made of; see `log_model.py`."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.tracking import Publication
from mcp_automl.trackers.log_model import AWAY, is_registered, logged

if TYPE_CHECKING:
    from mlflow import MlflowClient

SECONDS = 600.0
"""How long logging one model may take: it may have to be sent to a server."""

ALONE = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Trainings have the GPUs and the cores."""


def publish(client: "MlflowClient", uri: str, run_id: str, publication: Publication) -> str | None:
    """Logs the model to that run and registers it if that is asked for; returns what went wrong.

    Raises:
        TrackerUnavailable: MLflow cannot be reached; it shall be tried again.
    """
    if logged(client, run_id) and (not publication.register or is_registered(client, run_id)):
        return None
    if not Path(publication.folder).is_dir():
        return "its files are gone"
    order = {key: it for key, it in asdict(publication).items() if key != "trial"}
    command = [sys.executable, "-P", "-m", "mcp_automl.trackers.log_model"]
    command.append(json.dumps({**order, "uri": uri, "run_id": run_id}))
    # Into a file: nobody reads a pipe meanwhile.
    with tempfile.TemporaryFile() as noise:
        code = _run(command, noise)
        if code == AWAY:
            raise TrackerUnavailable(f"a model could not be logged: {_last_line(noise)}")
        return None if code == 0 else f"code {code}: {_last_line(noise)}"


def _run(command: list[str], noise: IO[bytes]) -> int:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=noise, stderr=noise, env={**os.environ, **ALONE}
    ) as process:
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            noise.write(f"\nit took longer than {SECONDS:.0f} s\n".encode())
            return process.wait()


def _last_line(noise: IO[bytes]) -> str:
    noise.seek(0)
    lines = [line.strip() for line in noise.read().decode(errors="replace").splitlines()]
    return next((line[:500] for line in reversed(lines) if line), "no word")
