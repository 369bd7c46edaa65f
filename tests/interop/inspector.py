"""MCP Inspector's command line, which starts a new server for every question; in either era.

Runs in the tests' own environment: what is foreign here comes from npm.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from tests.interop.story import Reply, Server, tell

CALL_SECONDS = 60.0
TOOL_ERROR = 5
"""Its exit status when a tool says that it could not."""


class Inspector:
    """Asks one question after the other.

    Args:
        command: what starts the Inspector.
        era: of the protocol, in its words: `legacy` or `modern`.
    """

    def __init__(self, command: list[str], era: str, server: Server) -> None:
        self._command = [*command, "--cli", "--protocol-era", era, "--format", "json", "--quiet"]
        for name, value in server.env.items():
            self._command += ["-e", f"{name}={value}"]
        self._command += [server.command, *server.args]

    async def protocol(self) -> str:
        return str((await self._ask("initialize"))["protocolVersion"])

    async def tools(self) -> list[str]:
        return [tool["name"] for tool in (await self._ask("tools/list"))["tools"]]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        told = ["--tool-name", tool, "--tool-args-json", json.dumps(dict(arguments))]
        result = await self._ask("tools/call", *told)
        return Reply(
            text="\n".join(part["text"] for part in result["content"] if part["type"] == "text"),
            structure=result.get("structuredContent"),
            is_error=result.get("isError", False),
        )

    async def read(self, uri: str) -> str:
        (contents,) = (await self._ask("resources/read", "--uri", uri))["contents"]
        return str(contents["text"])

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        given = [f"{key}={value}" for key, value in arguments.items()]
        told = ["--prompt-name", name, "--prompt-args", *given]
        (message,) = (await self._ask("prompts/get", *told))["messages"]
        return str(message["content"]["text"])

    async def _ask(self, method: str, *told: str) -> dict[str, Any]:
        command = [*self._command, "--method", method, *told]
        with anyio.fail_after(CALL_SECONDS):
            done = await anyio.run_process(command, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode in (0, TOOL_ERROR), (
            f"{method} ended with status {done.returncode}: {done.stderr.decode()}"
        )
        answer: dict[str, Any] = json.loads(done.stdout)["result"]
        assert answer.get("isError", False) == (done.returncode == TOOL_ERROR), answer
        return answer


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[Inspector]:
    era, *command = sys.argv[2:]
    # A server's own environment is what `-e` says; only Node looks at this one.
    os.environ["NODE_NO_WARNINGS"] = "1"
    yield Inspector(command, era, server)


if __name__ == "__main__":
    tell(connect, wait_seconds=20)
