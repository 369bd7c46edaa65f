"""The product's server with what the suite calls for, over HTTP on this machine."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import uvicorn

from mcp_automl.composition import build_service
from mcp_automl.server.app import AutomlServer, build
from tests.conformance import contents, questions, streams

RETRY_MS = 100
"""When a client whose stream was closed comes back."""

GOODBYE_SECONDS = 2


def extended() -> AutomlServer:
    """The server as `serve` builds it, and the suite's tools, resources and prompts beside."""
    server = build(build_service)
    for function in (*contents.TOOLS, *streams.TOOLS, *questions.TOOLS):
        server.add_tool(function, structured_output=False)
        added = server._tool_manager.get_tool(function.__name__)
        assert added is not None
        # It calls only what it knows, and refuses the rest in its own words.
        server._known[added.name] = added
    server._known["json_schema_2020_12_tool"].parameters = contents.JSON_SCHEMA
    contents.add_resources(server)
    contents.add_prompts(server)
    questions.add_prompt(server)
    return server


def live_in(home: Path) -> None:
    """Keeps this process away from the developer's own studies and settings."""
    for name in [name for name in os.environ if name.startswith("MCP_AUTOML_")]:
        del os.environ[name]
    os.environ["MCP_AUTOML_HOME"] = str(home / "workspace")
    os.environ["MCP_AUTOML_CONFIG"] = str(home / "no-such-file.toml")


@asynccontextmanager
async def mounted(server: AutomlServer) -> AsyncIterator[str]:
    """Serves it at the address that is given, until left."""
    app = server.streamable_http_app(event_store=streams.Events(), retry_interval=RETRY_MS)
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=GOODBYE_SECONDS, ws="none"
    )
    http = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        async with anyio.create_task_group() as tasks:
            # Whoever comes before it has started waits in the socket's queue.
            tasks.start_soon(http.serve, [listening])
            try:
                yield f"http://127.0.0.1:{port}/mcp"
            finally:
                http.should_exit = True
