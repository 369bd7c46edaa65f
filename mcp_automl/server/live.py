"""A live view of a study, for clients that render MCP Apps; the tools' texts do without it."""

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
    """One HTML file that needs nothing else."""
    return files(__package__).joinpath("study.html").read_text(encoding="utf-8")
