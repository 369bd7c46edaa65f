"""FastMCP's client, which keeps one server for all its calls."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.interop.story import Reply, Server, tell


class Fastmcp:
    def __init__(self, client: "Client[StdioTransport]") -> None:
        self._client = client

    async def protocol(self) -> str:
        return str(self._client.protocol_version)

    async def tools(self) -> list[str]:
        return [tool.name for tool in await self._client.list_tools()]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        result = await self._client.call_tool(tool, dict(arguments), raise_on_error=False)
        return Reply(
            text="\n".join(part.text for part in result.content if part.type == "text"),
            structure=result.structured_content,
            is_error=result.is_error,
        )

    async def read(self, uri: str) -> str:
        (contents,) = await self._client.read_resource(uri)
        return str(contents.text)

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        (message,) = (await self._client.get_prompt(name, dict(arguments))).messages
        return str(message.content.text)


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[Fastmcp]:
    transport = StdioTransport(server.command, server.args, env=server.env, keep_alive=False)
    async with Client(transport) as client:
        yield Fastmcp(client)


if __name__ == "__main__":
    tell(connect, wait_seconds=20)
