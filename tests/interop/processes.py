"""Whatever belongs to a workspace, found by its environment; and commands that leave nothing."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio
import psutil
from anyio.abc import Process

LOOK_SECONDS = 0.1
LEAVE_SECONDS = 10.0
"""For a server to leave after its client; it needs half of one."""
KILL_SECONDS = 5.0
LINES_SHOWN = 15
ROOT = Path(__file__).parent.parent.parent


def living(home: Path) -> list[psutil.Process]:
    """The workspace's processes, of whatever kind."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MCP_AUTOML_HOME") == str(home):
                found.append(process)
    return found


def strangers(home: Path) -> list[str]:
    """The commands of all but the orchestrator, which leaves by itself, and what it started."""
    family, commands = set(), {}
    for process in living(home):
        with suppress(psutil.Error):
            commands[process] = process.cmdline()
            if commands[process][-2:] == ["mcp_automl", "orchestrate"]:
                family |= {process, *process.children(recursive=True)}
    return [shlex.join(command) for it, command in commands.items() if it not in family]


async def left_over(home: Path) -> str | None:
    """What should have gone with its client and did not, in a sentence."""
    with anyio.move_on_after(LEAVE_SECONDS):
        while strangers(home):  # noqa: ASYNC110
            await anyio.sleep(LOOK_SECONDS)
        return None
    return f"{LEAVE_SECONDS:.0f} s after its client there still lives: {'; '.join(strangers(home))}"


def end_all(home: Path) -> None:
    """Kills what there is of a workspace."""
    for process in (found := living(home)):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, KILL_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended, and what it said."""

    status: int | None
    """None if it took too long, and was ended."""
    output: str
    errors: str

    @property
    def why(self) -> str:
        """In words, with the last of what it said."""
        ended = "took too long" if self.status is None else f"ended with status {self.status}"
        said = (self.errors or self.output).strip().splitlines()[-LINES_SHOWN:]
        return "\n".join([f"{ended}:", *said])


async def outcome(command: list[str], seconds: float) -> Outcome:
    """Runs a command in the repository; afterwards it is gone with all that it started."""
    status = None
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with anyio.move_on_after(seconds):
            async with _running(command, output, errors) as process:
                status = await process.wait()
        return Outcome(status=status, output=_said(output), errors=_said(errors))


@asynccontextmanager
async def _running(
    command: list[str], output: IO[bytes], errors: IO[bytes]
) -> AsyncIterator[Process]:
    # PYTHONPATH is for our own environment; another one has its own packages.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = await anyio.open_process(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with anyio.move_on_after(KILL_SECONDS, shield=True):
            await process.wait()


def _said(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
