"""What a trainer of somebody's own declares, without importing it: asked of a process, remembered.

An answer holds for as long as the code's file stays what it was.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from mcp_automl import __version__
from mcp_automl.domain.errors import TrainerUnavailable
from mcp_automl.worker.spec import decode
from trainers.contract import TrainerSpec

ANSWER_SECONDS = 60.0
"""How long importing a trainer may take; one that needs longer imports too much before `train`."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """Asks trainers what they declare.

    Args:
        folder: where answers are kept; without it they are asked for each time.
    """

    folder: Path | None = None

    def of(self, module: str) -> TrainerSpec:
        """What that module, or that file, declares.

        Raises:
            TrainerUnavailable: it says nothing that can be used; the message is its last line.
        """
        kept = self._kept(module)
        if kept is not None:
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RuntimeError):
                return decode(kept.read_text(encoding="utf-8"))
        line = _asked(module)
        try:
            spec = decode(line)
        except (RuntimeError, ValueError, TypeError, KeyError) as error:
            raise TrainerUnavailable(f"{module} cannot be used: {error}") from error
        if kept is not None:
            _keep(kept, line)
        return spec

    def _kept(self, module: str) -> Path | None:
        file = _file_of(module)
        if self.folder is None or file is None:
            return None
        try:
            found = file.stat()
        except OSError:
            return None
        told = [__version__, module, str(file), found.st_mtime_ns, found.st_size]
        return self.folder / f"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}.json"


def _file_of(module: str) -> Path | None:
    """The module's file, found without importing the packages around it, if that can be done."""
    if module.endswith(".py"):
        return Path(module)
    path: list[str] | None = None
    found = None
    for depth in range(module.count(".") + 1):
        name = ".".join(module.split(".")[: depth + 1])
        found = PathFinder.find_spec(name, path)
        if found is None:
            return None
        path = list(found.submodule_search_locations or [])
    return Path(found.origin) if found is not None and found.origin else None


def _asked(module: str) -> str:
    """The answer's line.

    Raises:
        TrainerUnavailable: there is none.
    """
    # -P: a `trainers/` folder in somebody's project must not be imported for ours.
    command = [sys.executable, "-P", "-m", "mcp_automl.worker.spec", module]
    # Into files: a process that the code has left behind would keep a pipe open.
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as noise:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=answer, stderr=noise, start_new_session=True
        )
        try:
            code = process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise TrainerUnavailable(
                f"{module} could not be imported within {ANSWER_SECONDS:.0f} s; import what "
                "takes long inside of train()"
            ) from error
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        answer.seek(0)
        line = answer.readline().decode(errors="replace")
    if not line:
        raise TrainerUnavailable(f"{module} cannot be used: its process ended with code {code}")
    return line


def _keep(path: Path, line: str) -> None:
    # A disk that cannot be written to costs time and nothing else.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(line)
        os.replace(file.name, path)
