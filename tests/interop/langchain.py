"""LangChain's adapter, which starts a new server for every call, in the protocol's era of 2025."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from langchain_mcp_adapters.client import MultiServerMCPClient

from tests.interop.story import Reply, Server, tell

NAME = "automl"


class Langchain:
    """Tools as an agent of LangChain's has them: as `StructuredTool`s."""

    def __init__(self, client: MultiServerMCPClient) -> None:
        self._client = client
        self._tools: dict[str, Any] = {}

    async def protocol(self) -> str:
        return str((await self._client.get_server_info())[NAME].protocolVersion)

    async def tools(self) -> list[str]:
        self._tools = {tool.name: tool for tool in await self._client.get_tools()}
        return list(self._tools)

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        asked = {"type": "tool_call", "id": "1", "name": tool, "args": dict(arguments)}
        message = await self._tools[tool].ainvoke(asked)
        return Reply(
            text="\n".join(part["text"] for part in message.content),
            structure=message.artifact and message.artifact["structured_content"],
            is_error=message.status == "error",
        )

    async def read(self, uri: str) -> str:
        (blob,) = await self._client.get_resources(NAME, uris=[uri])
        return str(blob.as_string())

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        (message,) = await self._client.get_prompt(NAME, name, arguments=dict(arguments))
        return str(message.content)


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[Langchain]:
    connection = {
        "transport": "stdio",
        "command": server.command,
        "args": server.args,
        "env": server.env,
    }
    yield Langchain(MultiServerMCPClient({NAME: connection}))


if __name__ == "__main__":
    tell(connect, wait_seconds=20)
