"""A live view of a study, for clients that render MCP Apps; the tools' texts do without it."""

import re
from importlib.resources import files

from anyio import to_thread
from mcp.server.apps import APP_MIME_TYPE, Apps
from mcp.server.mcpserver.resources import FunctionResource

URI = "ui://automl/study.html"

META = {"ui": {"resourceUri": URI}}
"""What ties a tool to the view that shows its result."""


def live_view() -> Apps:
    """The extension with the view, which is read when a client asks for it."""
    apps = Apps()
    apps.add_resource(
        FunctionResource(
            uri=URI,
            name="study-view",
            title="AutoML study, live",
            description="A study's progress, running trials, history and best trials; stops it.",
            mime_type=APP_MIME_TYPE,
            # It opens no connection of its own: what it shows comes through its host.
            meta={"ui": {"csp": {}, "prefersBorder": True}},
            fn=_read,
        )
    )
    return apps


async def _read() -> str:
    return await to_thread.run_sync(page)


def page() -> str:
    """One HTML file that needs nothing else: what its braces name stands in their place."""
    room = files(__package__) / "view"

    def text(name: str) -> str:
        return (room / name).read_text(encoding="utf-8")

    return re.sub(r"\{\{([\w.]+)\}\}", lambda found: text(found[1]), text("study.html"))
