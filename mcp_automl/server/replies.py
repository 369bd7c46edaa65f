"""How a tool is defined, and how a use case's answer, or its error, becomes what a client gets."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ImageContent, ResourceLink, TextContent, ToolAnnotations
from pydantic import BaseModel

from mcp_automl.server.failures import failed
from mcp_automl.server.schema import asked, compact

A = TypeVar("A")


def reply(
    tool: str,
    ask: Callable[[], A],
    say: Callable[[A], str],
    shape: Callable[[A], BaseModel],
    link: Callable[[A], ResourceLink] | None = None,
    before: Callable[[A], ImageContent] | None = None,
) -> CallToolResult:
    """Asks a use case, and gives its answer as a text that stands alone and as structure.

    Args:
        link: to something larger that belongs to the answer.
        before: a picture that stands above the text.
    """
    try:
        answer = ask()
        links = [] if link is None else [link(answer)]
        pictures = [] if before is None else [before(answer)]
        return CallToolResult(
            content=[*pictures, TextContent(type="text", text=say(answer)), *links],
            structured_content=shape(answer).model_dump(mode="json"),
        )
    except Exception as error:
        return failed(tool, error)


def tool(
    function: Callable[..., CallToolResult | Awaitable[CallToolResult]],
    title: str,
    *,
    writes: bool = False,
    destroys: bool = False,
    repeats: bool = False,
    meta: dict[str, Any] | None = None,
) -> Tool:
    """The tool of that name, described by its docstring.

    Args:
        writes: whether it changes anything.
        destroys: whether something is gone afterwards.
        repeats: whether the same call a second time does the same once more.
        meta: what clients with extensions want to know.
    """
    made = Tool.from_function(
        function,
        title=title,
        description=inspect.getdoc(function),
        annotations=_hints(writes=writes, destroys=destroys, repeats=repeats),
        meta=meta,
    )
    made.parameters = asked(made.parameters)
    metadata = made.fn_metadata
    if metadata.output_schema is not None:
        metadata.output_schema = compact(metadata.output_schema)
    return made


def writes(tool: Tool) -> bool:
    """Whether it changes anything, as its clients are told."""
    return not (tool.annotations and tool.annotations.read_only_hint)


def _hints(*, writes: bool, destroys: bool, repeats: bool) -> ToolAnnotations:
    """Nothing reaches beyond this machine; of what only reads, nothing else has to be said."""
    if not writes:
        return ToolAnnotations(read_only_hint=True, open_world_hint=False)
    # A study asked for twice is the same study.
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=destroys,
        idempotent_hint=not repeats,
        open_world_hint=False,
    )
