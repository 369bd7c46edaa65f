"""`mcp-automl config ...`: configuration for other programs, printed or put in its place."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mcp_automl.boot import Starter, command, service_file, usual
from mcp_automl.client_files import has, place
from mcp_automl.clients import NAME, Client, Server, block, claude_add, environment, file
from mcp_automl.domain.errors import ClientFileUnusable
from mcp_automl.domain.toolsets import VALID, Offer
from mcp_automl.settings import Settings, config_file, variables

CLIENT_SECONDS = 60
"""How long a client's own command may take."""

app = typer.Typer(help="Print configuration for other programs.", no_args_is_help=True)

ToolsetNames = Annotated[
    str | None, typer.Option("--toolsets", help=f"Offer these tools only: {VALID}.")
]
ReadOnly = Annotated[
    bool, typer.Option("--read-only", help="Offer only tools that change nothing.")
]
Write = Annotated[
    bool, typer.Option("--write", help="Put it in place; a backup is kept, the rest stays.")
]


@app.callback()
def group() -> None:
    """Print configuration for other programs, or put it in place."""


@app.command()
def service(
    systemd: Annotated[bool, typer.Option("--systemd", help="A systemd user unit.")] = False,
    launchd: Annotated[bool, typer.Option("--launchd", help="A launchd property list.")] = False,
) -> None:
    """Print a service that goes on with studies after a reboot; how to install it, on stderr."""
    if systemd and launchd:
        raise typer.BadParameter("choose --systemd or --launchd")
    chosen = Starter.SYSTEMD if systemd else Starter.LAUNCHD if launchd else usual()
    made = service_file(chosen, Settings())
    # Written as it is: a console would wrap and style what another program is going to read.
    sys.stdout.write(made.text)
    _aside("", "To install it:", *made.install)


def _for(client: Client) -> Callable[[bool, str | None, bool], None]:
    def configure(
        write: Write = False, toolsets: ToolsetNames = None, read_only: ReadOnly = False
    ) -> None:
        offer = Offer.of(toolsets, read_only=read_only)
        server = _server(offer)
        if write:
            sys.stdout.write(_write(client, server) + "\n")
            return
        sys.stdout.write(block(client, server))
        _aside("", *_where(client, offer))

    return configure


for _client in Client:
    _told = "Print the command line that inspects" if _client is Client.INSPECTOR else (
        f"Print, or write, what lets {_client.title} start"
    )  # fmt: skip
    app.command(_client.value, help=f"{_told} this server.")(_for(_client))


def _server(offer: Offer) -> Server:
    held = Settings().as_environment()
    return Server(
        command=(*command(), "serve", *offer.flags),
        environment=environment(os.environ, held, variables(), config_file()),
    )


def _file(client: Client) -> Path | None:
    return file(client, Path.home(), os.environ, sys.platform)


def _where(client: Client, offer: Offer) -> list[str]:
    write = shlex.join([*command(), "config", client.value, *offer.flags, "--write"])
    match client:
        case Client.INSPECTOR:
            return ["Run it in a terminal; it needs Node 22 or newer."]
        case Client.CLAUDE_CODE:
            return ["Run it in a terminal, or let this do it:", write]
        case _:
            beside = f"It belongs into {_file(client)}, beside what is there under {client.table}."
            return [beside, "This puts it there:", write]


def _write(client: Client, server: Server) -> str:
    if client is Client.CLAUDE_CODE:
        return _add_to_claude(server)
    path = _file(client)
    if path is None:
        raise ClientFileUnusable(
            f"{client.title} has no file to write to; run what is printed without --write"
        )
    placed = place(path, client, server)
    if not placed.changed:
        return f"It is there already: {placed.path}"
    kept = [] if placed.backup is None else [f"As it was: {placed.backup}"]
    return "\n".join([f"Written: {placed.path}", *kept, f"Restart {client.title} now."])


def _add_to_claude(server: Server) -> str:
    """By its own command: its file holds much else, and is written by it all the time."""
    path = _file(Client.CLAUDE_CODE)
    there = path and has(path, Client.CLAUDE_CODE, server)
    if there:
        return f"It is there already: {path}"
    add = claude_add(server)
    if there is not None:
        raise ClientFileUnusable(
            f"Claude Code has another server called {NAME}; remove it, then call again: "
            f"claude mcp remove --scope user {NAME}"
        )
    if shutil.which(add[0]) is None:
        raise ClientFileUnusable(
            f"there is no `claude` on the PATH; where there is one, run: {shlex.join(add)}"
        )
    try:
        done = subprocess.run(add, capture_output=True, text=True, timeout=CLIENT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientFileUnusable(f"`claude mcp add` could not be run: {error}") from error
    if done.returncode:
        raise ClientFileUnusable(f"`claude mcp add` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def _aside(*lines: str) -> None:
    sys.stderr.write("\n".join(lines) + "\n")
