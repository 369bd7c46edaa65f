"""Plays every client's story, one after the other, and prints a line for each: `make interop`.

    python -m tests.interop [client ...]

Each story has a workspace of its own in a temporary folder, with digits where MNIST would be, so
that nobody asks the network for it. The exit status is 1 if a client could not be had, if it was
not told what it must be told, or if a process was left behind.
"""

import json
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

from tests.interop.environments import CLIENTS, Foreign, Unavailable
from tests.interop.processes import end_all, left_over, outcome
from tests.interop.story import PLAY_SECONDS
from tests.workspace_for_tests import have_digits

MAKE_SECONDS = 600.0
"""For one command that brings a client."""
STORY_SECONDS = PLAY_SECONDS + 30.0
"""It ends itself before."""


class Failed(RuntimeError):
    """A client's story did not end well; the text says why."""


def main() -> None:
    names = sys.argv[1:] or list(CLIENTS)
    if unknown := sorted(set(names) - CLIENTS.keys()):
        sys.exit(f"there is no client {', '.join(unknown)}; there are {', '.join(CLIENTS)}")
    failed = [name for name in names if not anyio.run(good, name, CLIENTS[name])]
    if failed:
        sys.exit(f"{len(failed)} of {len(names)} clients failed: {', '.join(failed)}")
    say(f"all {len(names)} clients started a study, followed it and read its best parameters")


async def good(name: str, client: Foreign) -> bool:
    """Plays one client's story and says how it went."""
    try:
        await client.prepare(make)
        with tempfile.TemporaryDirectory(prefix="mcp-automl-interop-") as folder:
            told = await play(client, Path(folder))
    except (Unavailable, Failed) as error:
        say(f"FAILED  {name:<17} {error}")
        return False
    say(f"ok      {name:<17} {shown(told)}")
    return True


def shown(told: dict[str, Any]) -> str:
    best = ", ".join(f"{key}={value}" for key, value in told["params"].items())
    spent = f"{told['protocol']}  {told['seconds']:5.1f} s  {told['calls']:2} calls"
    return f"{spent}  best {told['value']:.4f} with {best}"


async def make(command: list[str]) -> None:
    """Runs a command that makes an environment.

    Raises:
        Unavailable: it failed, or took too long.
    """
    say(f"        {shlex.join(command)}")
    made = await outcome(command, MAKE_SECONDS)
    if made.status != 0:
        raise Unavailable(f"the command above {made.why}")


async def play(client: Foreign, folder: Path) -> dict[str, Any]:
    """One story in a workspace of that folder; what the client was told.

    Raises:
        Failed: it did not end well, or left a process behind.
    """
    with workspace(folder) as (home, server):
        command = [*client.command, json.dumps(server), *client.arguments]
        played = await outcome(command, STORY_SECONDS)
        if played.status != 0:
            raise Failed(f"its story {played.why}")
        if leftover := await left_over(home):
            raise Failed(leftover)
    told: dict[str, Any] = json.loads(played.output.splitlines()[-1])
    return told


@contextmanager
def workspace(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A workspace and what starts a server in it; nothing of it lives on."""
    home = folder / "home"
    have_digits(folder / "data")
    env = {
        "MCP_AUTOML_HOME": str(home),
        "MCP_AUTOML_DATA_DIR": str(folder / "data"),
        "MCP_AUTOML_CONFIG": str(folder / "none.toml"),
        "MCP_AUTOML_IDLE_SECONDS": "1",
        "MCP_AUTOML_LOG_MODELS": "false",
    }
    env |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    args = ["-P", "-m", "mcp_automl", "serve"]
    try:
        yield home, {"command": sys.executable, "args": args, "env": env}
    finally:
        end_all(home)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Whichever signal ends this run, nothing of it is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
