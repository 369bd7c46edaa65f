"""What a model reads: tokens of the tool list, and of each reply at 10,000 trials.

    python -m benchmarks tokens

Counted as the tests do that keep the tool list: four characters are a token.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.stdio import OURS, Server
from benchmarks.stored import beside
from benchmarks.table import Goal, Row
from benchmarks.tool_calls import OF_A_STUDY, OF_ALL, SIZES, workspace

CHARACTERS_PER_TOKEN = 4

LIST_GOAL = Goal(bound=3_999, unit="tokens")
REPLY_GOAL = Goal(bound=1_499, unit="tokens each")


def rows() -> list[Row]:
    """The list's row, and one for all replies."""
    with tempfile.TemporaryDirectory() as home:
        *_, largest = workspace(Path(home))
        with Server(OURS, {"MCP_AUTOML_HOME": home}) as server:
            listed = sum(tokens(tool) for tool in server.ask("tools/list")["tools"])
            replies = {tool: read(server.call(tool, study_name=largest)) for tool in OF_A_STUDY}
            replies |= {tool: read(server.call(tool)) for tool in OF_ALL}
    return [list_row(listed), reply_row(replies)]


def list_row(listed: int) -> Row:
    return Row(
        question="the tool list's tokens",
        ours=f"{listed:,}",
        beside=beside("tool list").removeprefix("; "),
        goal=str(LIST_GOAL),
        met=LIST_GOAL.is_met(listed),
        reason=LIST_GOAL.distance(listed),
    )


def reply_row(replies: dict[str, int]) -> Row:
    largest = max(replies.values())
    return Row(
        question=f"a reply's tokens at {SIZES[-1]:,} trials and 100 studies",
        ours=", ".join(f"{tool} {size:,}" for tool, size in replies.items()),
        beside=beside("reply").removeprefix("; "),
        goal=str(REPLY_GOAL),
        met=REPLY_GOAL.is_met(largest),
        reason=REPLY_GOAL.distance(largest),
    )


def read(reply: dict[str, Any]) -> int:
    """Tokens of what a client shows its model: the texts, or the structured content if longer."""
    text = sum(len(it.get("text", "")) for it in reply["content"]) // CHARACTERS_PER_TOKEN
    structured = reply.get("structuredContent")
    return text if structured is None else max(text, tokens(structured))


def tokens(told: object) -> int:
    return len(json.dumps(told)) // CHARACTERS_PER_TOKEN
