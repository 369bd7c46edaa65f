"""How long a tool call takes with few and with many trials, of a warm server and of a fresh one.

    python -m benchmarks tool_calls

Trials have six parameters and twenty epochs; the workspace holds 100 studies.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.stdio import OURS, Server
from benchmarks.stored import beside
from benchmarks.table import Goal, Row

SIZES = (100, 1_000, 10_000)
STUDIES, SMALL = 100, 20
CALLS, STARTS = 40, 9

STATUS = "get_automl_study_status"
OF_A_STUDY = (
    STATUS,
    "compare_automl_trials",
    "get_automl_best_params",
    "explain_automl_study",
)
OF_ALL = ("list_automl_studies", "get_cost_report", "get_queue_status")

STATUS_GOAL = Goal(bound=20, unit="ms p50")
LIST_GOAL = Goal(bound=50, unit="ms p50")
FRESH_GOAL = Goal(bound=150, unit="ms beside start-up")


def rows() -> list[Row]:
    """Every tool that only reads, but for pictures and exports, which are files."""
    with tempfile.TemporaryDirectory() as home:
        names = workspace(Path(home))
        with Server(OURS, {"MCP_AUTOML_HOME": home}) as server:
            for_each = [study_row(server, tool, names) for tool in OF_A_STUDY]
            for_all = [workspace_row(server, tool) for tool in OF_ALL]
        return [*for_each, *for_all, fresh_row(home, names[-1])]


def workspace(home: Path) -> list[str]:
    """Fills a workspace.

    Returns:
        The names of the studies of `SIZES` trials.
    """
    from benchmarks.filled import fill
    from benchmarks.waiting_study import orchestrate
    from mcp_automl.settings import Settings

    # One more is what the others are copied from.
    small = [SMALL] * (STUDIES - len(SIZES) - 1)
    settings = Settings(home=home, idle_seconds=0.0)
    names = fill(settings.database, [*SIZES, *small])[: len(SIZES)]
    # What waits for MLflow would wake an orchestrator, which loads torch beside the first calls.
    orchestrate(settings)
    return names


def study_row(server: Server, tool: str, names: Sequence[str]) -> Row:
    """A tool's time at each size."""
    taken = [repeated(server, tool, study_name=name) for name in names]
    at_most = statistics.median(taken[-1])
    goal = STATUS_GOAL if tool == STATUS else None
    return Row(
        question=f"`{tool}`, warm, at {' / '.join(f'{size:,}' for size in SIZES)} trials",
        ours=" / ".join(told(times) for times in taken),
        beside=beside(tool).removeprefix("; "),
        goal=f"{goal} at {SIZES[-1]:,}" if goal else "",
        met=goal.is_met(at_most) if goal else None,
        reason=goal.distance(at_most) if goal else "",
    )


def workspace_row(server: Server, tool: str) -> Row:
    """A tool's time in a workspace of `STUDIES` studies."""
    taken = repeated(server, tool)
    middle = statistics.median(taken)
    goal = LIST_GOAL if tool == "list_automl_studies" else None
    return Row(
        question=f"`{tool}`, warm, {STUDIES} studies, 13,000 trials",
        ours=told(taken),
        goal=str(goal) if goal else "",
        met=goal.is_met(middle) if goal else None,
        reason=goal.distance(middle) if goal else "",
    )


def fresh_row(home: str, name: str) -> Row:
    """From the answer to `initialize` to the first status."""
    taken = [first_call(home, name) for _ in range(STARTS)]
    middle = statistics.median(taken)
    return Row(
        question=f"first `{STATUS}` of a fresh server at {SIZES[-1]:,} trials, beside start-up",
        ours=told(taken),
        goal=str(FRESH_GOAL),
        met=FRESH_GOAL.is_met(middle),
        reason=FRESH_GOAL.distance(middle),
    )


def first_call(home: str, name: str) -> float:
    with Server(OURS, {"MCP_AUTOML_HOME": home}) as server:
        return milliseconds(server, STATUS, study_name=name)


def repeated(server: Server, tool: str, **arguments: object) -> list[float]:
    """Milliseconds of each call but the first."""
    server.call(tool, **arguments)
    return [milliseconds(server, tool, **arguments) for _ in range(CALLS)]


def milliseconds(server: Server, tool: str, **arguments: object) -> float:
    began = time.perf_counter()
    server.call(tool, **arguments)
    return (time.perf_counter() - began) * 1000


def told(taken: Sequence[float]) -> str:
    """The median and the 95th percentile."""
    return f"{statistics.median(taken):.0f} ms (p95 {statistics.quantiles(taken, n=20)[-1]:.0f})"
