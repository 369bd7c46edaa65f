"""What each chat client has to be told to start this server, and where it keeps that.

A client of the desktop sees nothing of a shell: the interpreter's path is absolute, and what the
shell's environment says of the workspace is written down.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

NAME = "automl"
"""What clients call the server."""

INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"

Entry = dict[str, object]
"""What stands under the server's name in a client's file."""


class Client(Enum):
    """A program that starts MCP servers."""

    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    VSCODE = "vscode"
    CURSOR = "cursor"
    CODEX = "codex"
    GEMINI = "gemini"
    INSPECTOR = "inspector"

    @property
    def title(self) -> str:
        return TITLES[self]

    @property
    def table(self) -> str:
        """The key under which its file has servers by name."""
        return {Client.VSCODE: "servers", Client.CODEX: "mcp_servers"}.get(self, "mcpServers")


TITLES = {
    Client.CLAUDE_DESKTOP: "Claude Desktop",
    Client.CLAUDE_CODE: "Claude Code",
    Client.VSCODE: "VS Code",
    Client.CURSOR: "Cursor",
    Client.CODEX: "Codex",
    Client.GEMINI: "Gemini CLI",
    Client.INSPECTOR: "MCP Inspector",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a client starts."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def entry(self, client: Client) -> Entry:
        """In that client's words."""
        first, *others = self.command
        typed: Entry = {"type": "stdio"} if client in (Client.VSCODE, Client.CLAUDE_CODE) else {}
        variables: Entry = {"env": dict(self.environment)} if self.environment else {}
        return {**typed, "command": first, "args": others, **variables}


def block(client: Client, server: Server) -> str:
    """What a user may copy: a client's configuration with this server alone, or a command line."""
    match client:
        case Client.CLAUDE_CODE:
            return shlex.join(claude_add(server)) + "\n"
        case Client.INSPECTOR:
            return shlex.join(_inspect(server)) + "\n"
        case Client.CODEX:
            return _toml(server.entry(client))
        case _:
            whole = {client.table: {NAME: server.entry(client)}}
            return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def claude_add(server: Server) -> list[str]:
    """Adds the server to the user's own configuration of Claude Code, for all projects."""
    variables = [word for pair in _pairs(server) for word in ("--env", pair)]
    # `--env` takes all words up to the next option: the name must not come right after it.
    options = [*variables, "--scope", "user"]
    return ["claude", "mcp", "add", *options, NAME, "--", *server.command]


def _inspect(server: Server) -> list[str]:
    variables = [word for pair in _pairs(server) for word in ("-e", pair)]
    return ["npx", "-y", INSPECTOR, *variables, "--", *server.command]


def _pairs(server: Server) -> list[str]:
    return [f"{name}={value}" for name, value in server.environment.items()]


def _toml(entry: Entry) -> str:
    lines = [f"[mcp_servers.{NAME}]"]
    lines += [f"{key} = {_value(value)}" for key, value in entry.items() if key != "env"]
    variables = entry.get("env")
    if isinstance(variables, dict):
        lines += ["", f"[mcp_servers.{NAME}.env]"]
        lines += [f"{key} = {_value(value)}" for key, value in variables.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    # Of texts and lists of texts JSON is TOML, but for one character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def file(client: Client, home: Path, environ: Mapping[str, str], platform: str) -> Path | None:
    """Where a client keeps the servers of its user; None for one that has no such file.

    Args:
        platform: as `sys.platform` has it.
    """
    match client:
        case Client.CLAUDE_DESKTOP:
            return _settings(home, environ, platform) / "Claude" / "claude_desktop_config.json"
        case Client.VSCODE:
            return _settings(home, environ, platform) / "Code" / "User" / "mcp.json"
        case Client.CURSOR:
            return home / ".cursor" / "mcp.json"
        case Client.GEMINI:
            return home / ".gemini" / "settings.json"
        case Client.CODEX:
            return _named(environ, "CODEX_HOME", home / ".codex") / "config.toml"
        case Client.CLAUDE_CODE:
            return _named(environ, "CLAUDE_CONFIG_DIR", home) / ".claude.json"
        case _:
            return None


def _settings(home: Path, environ: Mapping[str, str], platform: str) -> Path:
    if platform == "darwin":
        return home / "Library" / "Application Support"
    return _named(environ, "XDG_CONFIG_HOME", home / ".config")


def _named(environ: Mapping[str, str], variable: str, usual: Path) -> Path:
    named = environ.get(variable)
    return Path(named).absolute() if named else usual


def environment(
    shell: Mapping[str, str], settings: Mapping[str, str], names: frozenset[str], config: Path
) -> dict[str, str]:
    """The variables without which a server would not find what this shell's commands find.

    Args:
        shell: this process's environment.
        settings: the settings that hold here, as variables; paths are absolute.
        names: of all variables that are settings.
        config: the operator's file that holds here; it need not exist.
    """
    wanted = {name for name in names if shell.get(name)}
    # The usual places follow these two, which a client does not hand on.
    if shell.get("XDG_DATA_HOME"):
        wanted.add("MCP_AUTOML_HOME")
    given = {name: settings.get(name) or shell[name] for name in sorted(wanted)}
    if shell.get("MCP_AUTOML_CONFIG") or shell.get("XDG_CONFIG_HOME"):
        given["MCP_AUTOML_CONFIG"] = str(config.absolute())
    return given
