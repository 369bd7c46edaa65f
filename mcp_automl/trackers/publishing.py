"""Has models logged by a process that may import what they are made of; see `log_model.py`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mcp_automl.domain.tracking import Publication, without_passwords
from mcp_automl.trackers.connection import ENVIRONMENT
from mcp_automl.trackers.log_model import AWAY, is_registered, logged

if TYPE_CHECKING:
    from mlflow import MlflowClient

SECONDS = 600.0
"""How long logging one model may take: it may have to be sent to a server."""

ALONE = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Trainings have the GPUs and the cores."""

ANSWER = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
"""MLflow's own: a server answers when it has stored a whole file, perhaps elsewhere."""


class NotSent(Exception):
    """It was not sent, but may be another time."""


def publish(client: "MlflowClient", uri: str, run_id: str, publication: Publication) -> str | None:
    """Logs the model to that run and registers it if that is asked for; returns what went wrong.

    Raises:
        NotSent: MLflow took only what came before, or the process was killed.
        MlflowException, OSError: MLflow cannot be reached at all.
    """
    if logged(client, run_id) and (not publication.register or is_registered(client, run_id)):
        return None
    if not Path(publication.folder).is_dir():
        return "its files are gone"
    order = {key: it for key, it in asdict(publication).items() if key != "trial"}
    # Into a file: nobody reads a pipe meanwhile.
    with tempfile.TemporaryFile() as noise:
        code = _run(json.dumps({**order, "uri": uri, "run_id": run_id}), noise)
        said = without_passwords(_last_line(noise))
    if code == AWAY or code < 0:
        raise NotSent(f"code {code}: {said}")
    return None if code == 0 else f"code {code}: {said}"


def _run(order: str, noise: IO[bytes]) -> int:
    command = [sys.executable, "-P", "-m", "mcp_automl.trackers.log_model"]
    environment = environment_of(os.environ)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=noise, stderr=noise, env=environment
    ) as process:
        assert process.stdin is not None
        # Its end is told by its exit status.
        with suppress(BrokenPipeError):
            process.stdin.write(f"{order}\n".encode())
            process.stdin.flush()
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            noise.write(f"\nit took longer than {SECONDS:.0f} s\n".encode())
            return 1


def environment_of(ours: Mapping[str, str]) -> dict[str, str]:
    """The other process's: it is more patient than we are, unless a user has said how patient."""
    usual = {name: it for name, it in ANSWER.items() if ours.get(name) == ENVIRONMENT[name]}
    return {**ours, **ALONE, **usual}


def _last_line(noise: IO[bytes]) -> str:
    noise.seek(0)
    lines = [line.strip() for line in noise.read().decode(errors="replace").splitlines()]
    return next((line[:500] for line in reversed(lines) if line), "no word")
