"""What tools of the suite send while they run, and what a broken connection gets once more."""

import warnings
from collections.abc import Callable
from typing import Annotated, Any

import anyio
from mcp import MCPError
from mcp.server.mcpserver import Context
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    JSONRPCMessage,
    MissingRequiredClientCapabilityErrorData,
    SamplingCapability,
)
from pydantic import Field

STEP_SECONDS = 0.05
"""What the suite asks for between two messages of one call."""


async def test_tool_with_logging(ctx: Context) -> str:
    """Tells of its work in three log messages."""
    await _log(ctx, "Tool execution started")
    await anyio.sleep(STEP_SECONDS)
    await _log(ctx, "Tool processing data")
    await anyio.sleep(STEP_SECONDS)
    await _log(ctx, "Tool execution completed")
    return "Tool with logging executed successfully"


async def test_logging_tool(ctx: Context) -> str:
    """Logs a sentence, for those who have asked for it."""
    await _log(ctx, "A sentence")
    return "Logged"


async def test_tool_with_progress(ctx: Context) -> str:
    """Tells of its progress thrice."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        await anyio.sleep(STEP_SECONDS)
    return "Tool with progress executed successfully"


async def test_reconnection(ctx: Context) -> str:
    """Hangs up in the middle, and answers on the next connection."""
    await ctx.close_sse_stream()
    await anyio.sleep(4 * STEP_SECONDS)
    return "Reconnection test completed"


async def test_trigger_tool_change(ctx: Context) -> str:
    """Says that the tools have changed."""
    await ctx.notify_tools_changed()
    return "Told"


async def test_trigger_prompt_change(ctx: Context) -> str:
    """Says that the prompts have changed."""
    await ctx.notify_prompts_changed()
    return "Told"


async def test_missing_capability(ctx: Context) -> str:
    """Cannot do without sampling."""
    has = ctx.client_capabilities
    if has is not None and has.sampling is not None:
        return "It is there"
    missing = MissingRequiredClientCapabilityErrorData(
        required_capabilities=ClientCapabilities(sampling=SamplingCapability())
    )
    raise MCPError(
        MISSING_REQUIRED_CLIENT_CAPABILITY,
        "this tool needs a client that samples",
        missing.model_dump(mode="json", by_alias=True, exclude_none=True),
    )


def test_custom_headers(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> str:
    """Takes an argument that a header repeats."""
    return region


TOOLS: tuple[Callable[..., Any], ...] = (
    test_tool_with_logging,
    test_logging_tool,
    test_tool_with_progress,
    test_reconnection,
    test_trigger_tool_change,
    test_trigger_prompt_change,
    test_missing_capability,
    test_custom_headers,
)


async def _log(ctx: Context, text: str) -> None:
    with warnings.catch_warnings():
        # Deprecated since 2026-07-28, and still a part of the suite.
        warnings.simplefilter("ignore")
        await ctx.info(text)


class Events(EventStore):
    """All events of this run, so that a client that comes back gets what it has missed."""

    def __init__(self) -> None:
        self._events: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(
        self, last_event_id: str, send_callback: EventCallback
    ) -> str | None:
        last = int(last_event_id)
        if not 1 <= last <= len(self._events):
            return None
        stream_id = self._events[last - 1][0]
        for number, (stream, message) in enumerate(self._events[last:], start=last + 1):
            if stream == stream_id and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream_id
