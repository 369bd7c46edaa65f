"""The foreign clients, and an environment for each, made once beneath `.venv-interop`."""

import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENTS = Path(__file__).parent.parent.parent / ".venv-interop"
NODE = "node@22"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"

NO_NPM = (
    "MCP Inspector comes from npm, and there is no npm in PATH: install Node.js 20 or newer with "
    "npm (https://nodejs.org), or name the other clients, as in make interop CLIENTS=fastmcp"
)

Run = Callable[[list[str]], Awaitable[None]]
"""Runs a command that makes an environment; raises if it fails."""


class Unavailable(RuntimeError):
    """A client cannot be had here; the text says what it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A client: the module that plays its story, and what it is made of."""

    module: str
    python: tuple[str, ...] = ()
    """What pip installs into its own environment."""
    npm: tuple[str, ...] = ()
    """What npm brings; the module then runs in the tests' environment."""
    arguments: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return ENVIRONMENTS / self.module

    @property
    def command(self) -> list[str]:
        """What plays the story; the server's description comes next, and the arguments last."""
        python = str(self.folder / "bin" / "python") if self.python else sys.executable
        return [python, "-m", f"tests.interop.{self.module}"]

    async def prepare(self, run: Run) -> None:
        """Makes the environment, unless it is there and holds just what is asked for.

        Raises:
            Unavailable: what it takes is missing.
        """
        stamp = self.folder / ".installed"
        asked = "\n".join((sys.version, *self.python, *self.npm))
        if stamp.exists() and stamp.read_text() == asked:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        for command in self._making():
            await run(command)
        stamp.write_text(asked)

    def _making(self) -> list[list[str]]:
        if self.python:
            pip = [str(self.folder / "bin" / "python"), "-m", "pip"]
            install = [*pip, "install", "-q", "--disable-pip-version-check", *self.python]
            return [[sys.executable, "-m", "venv", str(self.folder)], install]
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable(NO_NPM)
        quiet = ["--no-fund", "--no-audit", "--loglevel=error"]
        return [[npm, "install", *quiet, "--prefix", str(self.folder), *self.npm]]


def _inspector(era: str) -> Foreign:
    programs = ENVIRONMENTS / "inspector" / "node_modules" / ".bin"
    command = (str(programs / "node"), str(programs / "mcp-inspector"))
    return Foreign(module="inspector", npm=(NODE, INSPECTOR), arguments=(era, *command))


CLIENTS = {
    "inspector-legacy": _inspector("legacy"),
    "inspector-modern": _inspector("modern"),
    "langchain": Foreign(
        module="langchain", python=("langchain-mcp-adapters>=0.3,<0.4", "mcp>=1.19,<2")
    ),
    "openai-agents": Foreign(module="openai_agents", python=("openai-agents>=0.24,<0.25",)),
    "fastmcp": Foreign(module="fastmcp", python=("fastmcp>=4,<5",)),
}
