"""Whatever is sent to the tools: an answer or a refusal in words, and nothing of it is stored."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.types import CallToolResult, TextContent

from mcp_automl.server import waiting
from mcp_automl.server.app import build
from tests.desk_for_tests import Desk
from tests.test_server import TOOLS

CALL_SECONDS = 10.0
NAMES = st.sampled_from(
    ["Digits-1", "digits-1", "a", "A", "job-2", "job-3", "", "../x", "x" * 99, "a\x00"]
)
ARGUMENTS = (
    "study_name model_type n_trials epochs_max cost_budget_usd max_cost_per_trial_usd search_space "
    "dry_run top_k confirm_name epochs lr batch_size weight_decay params priority run_name final "
    "register verify_seeds job_id group_by since format wait_seconds sampler pruner offset kind "
    "speed"
).split()
"""Of all tools, and one that none has."""

WORDS = "mnist llm 1e-3 10 default urgent csv 7d model {}".split()
PARAMETERS = "lr batch_size epochs optimizer momentum low high when".split()

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 300), st.integers(), st.floats(), NAMES,
    st.text(max_size=30), st.sampled_from(WORDS),
)  # fmt: skip
KEYS = st.sampled_from(PARAMETERS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.tuples(
    st.sampled_from([*TOOLS, "no_such_tool"]),
    st.dictionaries(st.sampled_from(ARGUMENTS), VALUES, max_size=5),
    NAMES | st.none(),
    st.booleans(),
)


def stored(home: Path) -> list[tuple[object, ...]]:
    """All that calls may change."""
    file = home / "automl_studies.db"
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT name, state, revision, stop_requested, n_trials, deleted_at"
        return connection.execute(f"{query} FROM automl_studies ORDER BY id").fetchall()


answered: set[str] = set()
"""Tools that have answered a call; a fuzz that is always refused would test little."""


def check(tool: str, result: CallToolResult, before: object, after: object) -> None:
    if not result.is_error:
        answered.add(tool)
    texts = [part.text for part in result.content if isinstance(part, TextContent)]
    assert texts and all("Traceback" not in text and len(text) < 8_000 for text in texts), tool
    json.dumps(result.structured_content, allow_nan=False)
    assert not result.is_error or before == after, (tool, texts)


@pytest.mark.timeout(180)
def test_random_calls_are_answered_or_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_SECONDS", 0.01)
    desk = Desk(tmp_path)
    with start_blocking_portal() as portal:
        server = build(lambda: desk.service)
        with portal.wrap_async_context_manager(Client(server)) as client:
            portal.call(desk.finished_study, 0.5, 0.7)
            listed = portal.call(server.list_tools)
            takes = {tool.name: set(tool.input_schema["properties"]) for tool in listed}

            @settings(
                max_examples=int(os.environ.get("MCP_AUTOML_TEST_CALLS", "2000")) // 10,
                deadline=None,
                # So that what is answered is the same each time.
                derandomize=True,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            )
            @given(st.lists(CALLS, min_size=10, max_size=10))
            def answer(calls: list[tuple[str, dict[str, Any], str | None, bool]]) -> None:
                for tool, arguments, name, tidy in calls:
                    few = {n: v for n, v in arguments.items() if n in takes.get(tool, ())}
                    aimed = _aimed(tool, few if tidy else arguments, name)
                    _one(portal, client, tmp_path, tool, aimed)

            answer()
    assert len(answered) >= len(TOOLS) / 2, answered


def _aimed(tool: str, arguments: dict[str, Any], name: str | None) -> dict[str, Any]:
    """The arguments, mostly with a name: without one, most calls go no further."""
    wanted = "job_id" if tool in ("cancel_job", "get_queue_status") else "study_name"
    return arguments if name is None else {**arguments, wanted: name}


def _one(
    portal: BlockingPortal, client: Client, home: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async def call() -> CallToolResult:
        with anyio.fail_after(CALL_SECONDS):
            return await client.call_tool(tool, arguments)

    before = stored(home)
    check(tool, portal.call(call), before, stored(home))
