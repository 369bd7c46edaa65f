"""How long a client waits for a server's first answer, from the start of its process.

    python -m benchmarks initialize

Starts `mcp-automl serve` and, in turns with it, an empty server of the same SDK.
"""

import statistics
import tempfile

from benchmarks.stdio import EMPTY, OURS, Server
from benchmarks.stored import beside, ratio
from benchmarks.table import Goal, Row, figure

STARTS = 15
GOAL = Goal(bound=1.15, unit="× the empty server")


def rows() -> list[Row]:
    """Ours beside the empty one, and beside what was stored of other servers."""
    with tempfile.TemporaryDirectory() as home:
        pairs = [(start(OURS, home), start(EMPTY, home)) for _ in range(STARTS)]
    ours, empty = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    times = ours / empty
    theirs = ratio("initialize", "optuna-mcp")
    return [
        Row(
            question="start to `initialize` over stdio, p50",
            ours=figure(ours, "ms"),
            beside=f"empty MCPServer: {figure(empty, 'ms')}{beside('initialize')}",
            ratio=times,
            goal=f"{GOAL}; faster than optuna-mcp",
            met=GOAL.is_met(times) and (theirs is None or times < theirs),
            reason=reason(times, theirs),
        )
    ]


def reason(times: float, theirs: float | None) -> str:
    """What is missing, if anything is."""
    told = [GOAL.distance(times)]
    if theirs is not None and theirs <= times:
        told.append(
            f"{times / theirs:.2f} × optuna-mcp, which starts faster on SDK 1 than an empty server "
            "does on SDK 2"
            if theirs < 1
            else f"{times / theirs:.2f} × optuna-mcp"
        )
    return "; ".join(it for it in told if it)


def start(command: tuple[str, ...], home: str) -> float:
    """Seconds from the process's creation to the whole answer."""
    with Server(command, {"MCP_AUTOML_HOME": home}) as server:
        return server.start_seconds
