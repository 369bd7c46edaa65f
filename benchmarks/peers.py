"""Measures what a user would pick instead, and stores it for the benchmarks beside it.

    python -m benchmarks.peers [VENV]      (`make bench-peers` makes the environment)

Peers are processes of an environment of their own. Where time is measured, the reference is
measured in turns with them; the trials of Ray Tune and Syne Tune load no torch, ours do.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import distributions
from pathlib import Path

import psutil

from benchmarks import tokens
from benchmarks.initialize import start
from benchmarks.machine import machine
from benchmarks.stdio import EMPTY, Server
from benchmarks.stored import Stored, save
from benchmarks.table import figure
from benchmarks.tool_calls import SIZES, STATUS, milliseconds, told, workspace
from benchmarks.utilization import GOALS, SLOTS, TRIALS, ideal, question

HERE = Path(__file__).parent
STARTS, CALLS, STUDY_SECONDS = 9, 5, 300
OPTUNA_MCP = "optuna-mcp"


def main(venv: Path) -> None:
    """Measures each peer, and stores what worked before saying what did not."""
    failed = False
    for measure in (optuna_mcp_start, optuna_mcp_calls, ray, syne_tune):
        print(f"{measure.__name__} ...", flush=True)
        try:
            save(measure(venv))
        except (RuntimeError, subprocess.SubprocessError, OSError) as error:
            print(f"{measure.__name__}: {error}", file=sys.stderr)
            failed = True
    sys.exit(failed)


def optuna_mcp_start(venv: Path) -> list[Stored]:
    """From its start to `initialize`, in turns with the empty server."""
    command = (str(venv / "bin" / OPTUNA_MCP),)
    with tempfile.TemporaryDirectory() as home:
        pairs = [(start(command, home), start(EMPTY, home)) for _ in range(STARTS)]
    theirs, empty = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    words = f"{figure(theirs, 'ms')}, {figure(theirs / empty)} × the empty server"
    return [stored(venv, "initialize", OPTUNA_MCP, words, theirs / empty)]


def optuna_mcp_calls(venv: Path) -> list[Stored]:
    """Its calls, tokens and memory on the same data as ours: the same SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        name = workspace(Path(folder))[-1]
        (database,) = Path(folder).glob("*.db")
        command = (str(venv / "bin" / OPTUNA_MCP), "--storage", f"sqlite:///{database}")
        with Server(command, {}) as server:
            mb = psutil.Process(server.process.pid).memory_info().rss / 1e6
            listed = sum(tokens.tokens(tool) for tool in server.ask("tools/list")["tools"])
            server.call("create_study", study_name=name, directions=["maximize"])
            calls, replies = {}, {}
            for tool in ("best_trial", "get_trials"):
                replies[tool] = tokens.read(server.call(tool))
                calls[tool] = [milliseconds(server, tool) for _ in range(CALLS)]
    at = f"at {SIZES[-1]:,} trials"
    times = ", ".join(f"`{tool}` {told(taken)}" for tool, taken in calls.items())
    sizes = ", ".join(f"`{tool}` {size:,}" for tool, size in replies.items())
    return [
        stored(venv, STATUS, OPTUNA_MCP, f"{times} {at}"),
        stored(venv, "tool list", OPTUNA_MCP, f"{listed:,}"),
        stored(venv, "reply", OPTUNA_MCP, f"{sizes} {at}"),
        stored(venv, "memory", OPTUNA_MCP, f"{mb:.0f} MB once started"),
    ]


def ray(venv: Path) -> list[Stored]:
    return utilization(venv, "Ray Tune", "ray", "peer_ray.py")


def syne_tune(venv: Path) -> list[Stored]:
    return utilization(venv, "Syne Tune", "syne-tune", "peer_syne.py")


def utilization(venv: Path, peer: str, package: str, script: str) -> list[Stored]:
    """The share of three slots' time in which trials waited."""
    found = []
    for wait in GOALS:
        numbers = (str(SLOTS), str(TRIALS), str(wait))
        command = (str(venv / "bin" / "python"), str(HERE / script), *numbers)
        with tempfile.TemporaryDirectory() as folder:
            ran = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=STUDY_SECONDS,
                cwd=folder,
                env={**os.environ, "SYNETUNE_FOLDER": folder},
            )
        if ran.returncode:
            raise RuntimeError(ran.stderr[-2_000:])
        last = json.loads(ran.stdout.splitlines()[-1])
        # It may have run a few trials more than it was asked for.
        used = ideal(wait) * last["trials"] / TRIALS / last["seconds"]
        found.append(stored(venv, question(wait), peer, figure(used), used, package))
    return found


def stored(
    venv: Path, question: str, peer: str, told: str, ratio: float | None = None, package: str = ""
) -> Stored:
    return Stored(
        question=question,
        peer=peer,
        version=version(venv, package or peer),
        told=told,
        ratio=ratio,
        date=str(date.today()),
        machine=machine(),
    )


def version(venv: Path, package: str) -> str:
    """Of a package in the peers' environment."""
    paths = [str(path) for path in venv.glob("lib/python*/site-packages")]
    return next(it.version for it in distributions(name=package, path=paths))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".venv-peers").absolute())
