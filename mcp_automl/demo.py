"""A chat client without the chat: a real MCP client that tunes a model through the tools."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import anyio
import mcp.types as types
from mcp import Client, StdioServerParameters
from rich.console import Console

from mcp_automl.progress import Show, display, study_name
from mcp_automl.server.models import StatusModel

LOOK_SECONDS = 0.5
CALL_SECONDS = 30.0
"""A call that takes longer is a bug: every tool answers within a second or two."""


async def run_demo(console: Console, model: str, n_trials: int) -> int:
    """Starts a server, a study, and shows it to its end. Returns the process's exit status."""
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "mcp_automl", "serve"], env=dict(os.environ)
    )
    name = study_name(model)
    wish = f"Optimize hyperparameters for {model} with {n_trials} trials"
    console.print(f'[bold]You:[/bold] "{wish}"')
    async with Client(server) as client:
        chat = _Chat(client, console)
        start = {"study_name": name, "model_type": model, "n_trials": n_trials}
        if not await chat.say("start_automl_study", start):
            return 1
        with display(console) as show:
            ended = await _watch(client, name, show)
        console.print()
        if ended.best is not None:
            await chat.say("compare_automl_trials", {"study_name": name})
            await chat.say("get_automl_best_params", {"study_name": name})
        await chat.say("get_automl_study_status", {"study_name": name})
    return 0 if ended.study.state == "COMPLETE" else 1


class _Chat:
    """Calls tools and shows what was called and what came back."""

    def __init__(self, client: Client, console: Console) -> None:
        self._client = client
        self._console = console

    async def say(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Calls a tool; False if it was refused."""
        call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        self._console.print(f"[bold cyan]> {tool}({call})[/bold cyan]", highlight=False)
        result = await _call(self._client, tool, arguments)
        self._console.print(_text(result), markup=False, highlight=False, soft_wrap=True)
        self._console.print()
        return not result.is_error


async def _watch(client: Client, name: str, show: Show) -> StatusModel:
    while True:
        result = await _call(client, "get_automl_study_status", {"study_name": name})
        if result.is_error:
            raise RuntimeError(_text(result))
        status = StatusModel.model_validate(result.structured_content)
        show(status)
        if status.next_look_s is None:
            return status
        await anyio.sleep(LOOK_SECONDS)


async def _call(client: Client, tool: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
    with anyio.fail_after(CALL_SECONDS):
        return await client.call_tool(tool, dict(arguments))


def _text(result: types.CallToolResult) -> str:
    parts = (part.text for part in result.content if isinstance(part, types.TextContent))
    return "\n".join(parts)
