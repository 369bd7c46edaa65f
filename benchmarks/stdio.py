"""An MCP client of a few lines over stdio, so that nothing of a client's own time is measured."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

OURS = (sys.executable, "-m", "mcp_automl", "serve")
EMPTY = (
    sys.executable,
    "-c",
    "from mcp.server.mcpserver import MCPServer; MCPServer('empty').run()",
)
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}


class Server:
    """A server process that is asked one thing at a time; use it as a context manager.

    It waits for answers without a limit: who runs a benchmark limits the whole of it.

    Args:
        environment: variables beside those of this process.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._began = time.perf_counter()
        self._asked = 0
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        answer = self._ask("initialize", HELLO)
        self.start_seconds = time.perf_counter() - self._began
        """From the process's creation to the whole answer to `initialize`."""
        if "serverInfo" not in answer.get("result", {}):
            raise RuntimeError(f"no answer from {' '.join(command)}: {answer}")
        self._send({"method": "notifications/initialized"})

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.terminate()

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a request."""
        answer = self._ask(method, params)
        if "result" not in answer or answer["result"].get("isError"):
            raise RuntimeError(f"{method} {params}: {answer}")
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a tool replied."""
        return self.ask("tools/call", name=tool, arguments=arguments)

    def _ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            # Notifications come between.
            if answer.get("id") == self._asked:
                return answer
        raise RuntimeError(f"the server left without an answer to {method}")

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()
