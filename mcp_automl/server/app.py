"""The MCP server: thin, ready in under a second, and gone when its client is.

It reads the database and writes intentions; studies run elsewhere, so leaving at any moment loses
nothing. Three ways lead out, all quick: end-of-file on stdin (exit status 0), SIGTERM (143) and
SIGINT (130). For the signals the process leaves by `os._exit`, because the thread that reads stdin
can be neither cancelled nor joined.

Nothing here or below imports what the answer to `initialize` does not need: the use cases, and with
them settings and database, are made at the first call that wants them, or once the tools have been
listed: a client that has come for whatever reason is enough for studies to go on.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, GetPromptResult, InputRequiredResult, TextContent
from mcp.types import Tool as ListedTool
from pydantic import AnyUrl

from mcp_automl import __version__
from mcp_automl.domain.toolsets import Offer, Toolset
from mcp_automl.server.archive import ArchiveTools, add_export_resources
from mcp_automl.server.arguments import problem
from mcp_automl.server.caching import LISTS, hint_reads
from mcp_automl.server.changes import Cues
from mcp_automl.server.costs import CostTools
from mcp_automl.server.deletion import DeletionTools
from mcp_automl.server.failures import not_here, refused
from mcp_automl.server.instructions import instructions
from mcp_automl.server.jobs import JobTools, add_job_resources
from mcp_automl.server.live import live_view
from mcp_automl.server.pictures import PictureTools
from mcp_automl.server.prompts import add_prompts, filled_in, known_by_name, refuse_unusable
from mcp_automl.server.provider import Once
from mcp_automl.server.replies import writes
from mcp_automl.server.resources import add_resources, nothing_at
from mcp_automl.server.study_resources import add_study_resources
from mcp_automl.server.tools import Tools
from mcp_automl.server.trainers import add_trainer_resources

if TYPE_CHECKING:
    from mcp_automl.service import Service

logger = logging.getLogger(__name__)

EVERYTHING = Offer()


class AutomlServer(MCPServer[Any]):
    """An MCP server whose tools are called only with arguments they can use."""

    def __init__(
        self,
        service: "Callable[[], Service]",
        tools: Sequence[Tool],
        kept_back: Mapping[str, str],
        instructions: str,
        cues: Cues,
    ) -> None:
        super().__init__(
            "mcp-automl",
            title="AutoML",
            version=__version__,
            instructions=instructions,
            tools=list(tools),
            # What the SDK tells of its own lists goes over this bus. It makes a handler, too, that
            # `attach` replaces.
            subscriptions=cues,
            lifespan=cues.lifespan,
            extensions=[live_view()],
            cache_hints=LISTS,
            middleware=[hint_reads],
        )
        cues.attach(self)
        self._service = service
        self._known = {tool.name: tool for tool in tools}
        self._kept_back = kept_back
        self.listed = anyio.Event()
        """Set once a client has seen the tools."""

    async def list_tools(self) -> list[ListedTool]:
        self.listed.set()
        return await super().list_tools()

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Refuses in plain words what the SDK would drop silently or explain with its internals."""
        wrong = self._not_offered(name) or problem(self._known, name, arguments)
        if wrong is not None:
            return refused("InvalidRequest", wrong)
        result = await super().call_tool(name, arguments, context)
        return self._marked(result) if isinstance(result, CallToolResult) else result

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """The prompt; what cannot be one is the caller's error, and told as such."""
        refuse_unusable(await self.list_prompts(), name, arguments or {})
        said = filled_in(arguments)
        said = await to_thread.run_sync(known_by_name, self._service, said)
        return await super().get_prompt(name, said, context)

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """What is there; an address of no kind is refused with those there are."""
        try:
            return await super().read_resource(uri, context)
        except ResourceNotFoundError as error:
            # The SDK's words for such an address; where only the name is wrong, we say so.
            if str(error) != f"Unknown resource: {uri}":
                raise
            concrete = [str(it.uri) for it in await self.list_resources()]
            templates = [it.uri_template for it in await self.list_resource_templates()]
            raise ResourceNotFoundError(nothing_at(str(uri), concrete + templates)) from error

    def _marked(self, result: CallToolResult) -> CallToolResult:
        """The same, with a word on what its text advises and cannot be done here."""
        texts = [it.text for it in result.content if isinstance(it, TextContent)]
        said = not_here("\n".join(texts), self._kept_back)
        if said:
            result.content.append(TextContent(type="text", text=said))
        return result

    def _not_offered(self, name: str) -> str | None:
        why = self._kept_back.get(name)
        return why and f"{name} cannot be called here: {why}; call one of {', '.join(self._known)}"


def build(service: "Callable[[], Service]", offer: Offer = EVERYTHING) -> AutomlServer:
    """The server over the use cases that `service` makes; called at the first call, once."""
    _log_to_stderr()
    once = Once(service)
    tools, kept_back = _divided(once, offer)
    told = instructions([tool.name for tool in tools], read_only=offer.read_only)
    server = AutomlServer(once, tools, kept_back, told, Cues(once))
    add_resources(server, once)
    add_trainer_resources(server, once)
    add_job_resources(server, once)
    add_study_resources(server, once, kept_back)
    add_export_resources(server, once)
    add_prompts(server, once, kept_back)
    return server


def _divided(service: "Callable[[], Service]", offer: Offer) -> tuple[list[Tool], dict[str, str]]:
    """The tools that are offered; and the names of those that are not, with the reason."""
    tools: list[Tool] = []
    kept_back: dict[str, str] = {}
    rooms = (
        (Toolset.STUDIES, Tools(service)),
        (Toolset.DELETION, DeletionTools(service)),
        (Toolset.JOBS, JobTools(service)),
        (Toolset.COSTS, CostTools(service)),
        (Toolset.EXPORTS, ArchiveTools(service)),
        (Toolset.PICTURES, PictureTools(service, kept_back)),
    )
    for toolset, room in rooms:
        for tool in room.all():
            why = offer.why_not(toolset, writes=writes(tool))
            if why is None:
                tools.append(tool)
            else:
                kept_back[tool.name] = why
    return tools, kept_back


def serve(service: "Callable[[], Service]", offer: Offer = EVERYTHING) -> None:
    """Serves MCP over stdin and stdout until the client leaves or a signal comes."""
    once = Once(service)
    anyio.run(_serve, build(once, offer), once)


async def _serve(server: AutomlServer, service: "Once[Service]") -> None:
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_leave_on_signal)
            tasks.start_soon(rouse, server, service)
            await server.run_stdio_async()
            tasks.cancel_scope.cancel()
    except* BrokenPipeError:
        # The client went without waiting for its answer, which is its right.
        logger.info("the client has left")


async def rouse(server: AutomlServer, service: "Once[Service]") -> None:
    """Sees to it that studies go on, once the tools have been listed; no call waits for it."""
    await server.listed.wait()
    if service.made:
        # A call came first, and has seen to it.
        return
    try:
        await to_thread.run_sync(lambda: service().rouse(), abandon_on_cancel=True)
    # The boundary to use cases that nobody has asked for: a call will say what is wrong.
    except Exception:
        logger.exception("studies that should run could not be looked after")


async def _leave_on_signal() -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for received in signals:
            # A call in flight writes in one transaction: it is stored whole or not at all.
            logging.shutdown()
            os._exit(128 + received)


def _log_to_stderr() -> None:
    """Must come first: the SDK would install a handler that draws boxes 80 columns wide."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
