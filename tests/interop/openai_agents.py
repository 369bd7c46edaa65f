"""The OpenAI Agents SDK's client, with the five seconds that it gives a call unless told otherwise.

A server that needs longer than that, or a machine too busy for it, fails here as it would for the
SDK's users. No model is asked, and nothing is sent anywhere.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStdio, MCPUtil

from tests.interop.story import Reply, Server, tell


class OpenaiAgents:
    """Lists tools as an agent is given them: their schemas made strict where that can be."""

    def __init__(self, server: MCPServerStdio) -> None:
        self._server = server

    async def protocol(self) -> str:
        return str(self._server.session.protocol_version)

    async def tools(self) -> list[str]:
        agent = Agent(name="tuner", mcp_servers=[self._server])
        given = await MCPUtil.get_function_tools(
            self._server, True, RunContextWrapper(context=None), agent
        )
        return [tool.name for tool in given]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        result = await self._server.call_tool(tool, dict(arguments))
        return Reply(
            text="\n".join(part.text for part in result.content if part.type == "text"),
            structure=result.structured_content,
            is_error=bool(result.is_error),
        )

    async def read(self, uri: str) -> str:
        (contents,) = (await self._server.read_resource(uri)).contents
        return str(contents.text)

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        (message,) = (await self._server.get_prompt(name, dict(arguments))).messages
        return str(message.content.text)


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[OpenaiAgents]:
    params = {"command": server.command, "args": server.args, "env": server.env}
    async with MCPServerStdio(params=params, cache_tools_list=True) as connected:
        yield OpenaiAgents(connected)


if __name__ == "__main__":
    tell(connect, wait_seconds=3)
