"""Makes sure that an orchestrator lives, starting one if none does.

An orchestrator holds a file lock for as long as it lives, so the operating system itself says
whether there is one: a dead holder's lock is free at once. Probing takes the lock for an instant;
a starting orchestrator therefore tries for longer than an instant (see `orchestrate.py`).

The new process shares nothing with this one: own session, parent init, no descriptor of ours but a
log file. A client that waits for its server's pipes to close must not wait for a study.
"""

import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from mcp_automl.settings import Settings

START_SECONDS = 10.0
"""How long the process that detaches may take; it usually needs 20 ms."""

SETTLE_SECONDS = 10.0
"""How long a started orchestrator may take to hold its lock; imports come first."""

HAND_OVER_SECONDS = 120.0
"""How long a successor waits: longer than leaving takes, and sending what waits for MLflow."""

# Forks once more and lets the parent go, so that the orchestrator is nobody's zombie.
_DETACH = "import os, sys\nif os.fork(): os._exit(0)\nos.execv(sys.argv[1], sys.argv[1:])"


# A forkserver ends so whose orchestrator is killed while it orders a process: the end, no cause.
_ORPHANED = re.compile(r"^Traceback .*\n(?:[ \t].*\n)*EOFError$", re.MULTILINE)


class Life(Enum):
    """What was found, and done."""

    ALIVE = "alive"
    STARTED = "started"
    """By this call, or by an earlier one so lately that it does not live yet."""


class Launcher:
    """Starts orchestrators for one workspace.

    Args:
        settings: the workspace's.
        start: starts a detached orchestrator; the real one unless a test says otherwise.
        succeed: starts one that waits for the present one to leave.
        now: monotonic seconds.
    """

    def __init__(
        self,
        settings: Settings,
        start: Callable[[Settings], None] | None = None,
        succeed: Callable[[Settings], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._start = start or start_detached
        self._succeed = succeed or start_successor
        self._now = now
        self._settled_at = -math.inf
        """When the one started last lives for certain, unless it has died."""

    def is_alive(self) -> bool:
        """Whether an orchestrator holds this workspace now."""
        # Only here: who reads what has ended need not know, and would wait for the import.
        from filelock import FileLock, Timeout

        lock = FileLock(self._settings.orchestrator_lock)
        try:
            with lock.acquire(timeout=0):
                return False
        except Timeout:
            # The one that was awaited, or another one: should it die, a successor is due at once.
            self._settled_at = -math.inf
            return True

    def ensure(self, *, asked_now: bool = False) -> Life:
        """Starts an orchestrator unless one lives. Does not wait for it to be ready.

        Args:
            asked_now: this call has written an intention, which one that was started before may
                have left without seeing.
        """
        if self.is_alive():
            return Life.ALIVE
        if asked_now or self._now() >= self._settled_at:
            self._start(self._settings)
            self._settled_at = self._now() + SETTLE_SECONDS
        return Life.STARTED

    def succeed(self) -> None:
        """Starts an orchestrator that follows the present one, which was asked to leave."""
        self._succeed(self._settings)

    def last_words(self) -> str:
        """The last line of the orchestrator's log, or nothing."""
        return last_line(self._settings.orchestrator_log)


def start_successor(settings: Settings) -> None:
    """Starts an orchestrator that waits for the workspace while another one leaves."""
    start_detached(settings, "--wait", str(HAND_OVER_SECONDS))


def start_detached(settings: Settings, *options: str) -> None:
    """Starts `mcp-automl orchestrate` in the workspace, detached from this process."""
    log = settings.orchestrator_log
    log.parent.mkdir(parents=True, exist_ok=True)
    # -P: a `trainers/` folder in somebody's project must not be imported for ours.
    command = [sys.executable, "-P", "-m", "mcp_automl", "orchestrate", *options]
    with open(log, "ab") as output:
        detaching = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _DETACH, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=settings.workspace,
            env={**os.environ, **settings.as_environment(), **_configuration()},
            start_new_session=True,
            close_fds=True,
        )
    detaching.wait(timeout=START_SECONDS)


def _configuration() -> dict[str, str]:
    # As an absolute path: the orchestrator's working directory is another one.
    named = os.environ.get("MCP_AUTOML_CONFIG")
    return {"MCP_AUTOML_CONFIG": os.path.abspath(named)} if named else {}


def last_line(path: Path, limit: int = 500) -> str:
    """The last line of a log that is not blank and says something, cut to `limit` characters."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    lines = _ORPHANED.sub("", text).splitlines()
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1][:limit] if spoken else ""
