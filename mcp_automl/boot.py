"""What starts an orchestrator after a reboot, for those who want that: a systemd unit, or a plist.

Without it nothing is lost: unfinished studies go on when the next server or tool call comes. With
it they go on at once. The service is an ordinary orchestrator: it leaves when there is nothing to
do, and steps aside where another one lives.
"""

import os
import plistlib
import shlex
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mcp_automl.settings import Settings

UNIT = "mcp-automl.service"
LABEL = "mcp-automl.orchestrator"
STOP_SECONDS = 60
"""How long interrupting what runs, and telling MLflow, may take."""

LITERAL = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%"})
"""What systemd would read as something else inside double quotes."""


class Starter(Enum):
    """What runs services for a user."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFile:
    """A file that an operator may install, and how."""

    text: str
    install: tuple[str, ...]
    """Lines for a shell; comments among them."""


def usual(platform: str = sys.platform) -> Starter:
    """What this kind of machine has."""
    return Starter.LAUNCHD if platform == "darwin" else Starter.SYSTEMD


def service_file(starter: Starter, settings: Settings) -> ServiceFile:
    """The file for this machine: absolute paths, this interpreter, these settings."""
    make = _systemd if starter is Starter.SYSTEMD else _launchd
    return make(settings)


def command() -> list[str]:
    """Runs this installation, whatever the caller's PATH and working directory are."""
    return [sys.executable, "-P", "-m", "mcp_automl"]


def _environment(settings: Settings) -> dict[str, str]:
    # A service sees nothing of the shell or the chat client it is to stand in for.
    config = os.environ.get("MCP_AUTOML_CONFIG")
    named = {"MCP_AUTOML_CONFIG": str(Path(config).absolute())} if config else {}
    return {**settings.as_environment(), **named}


def _systemd(settings: Settings) -> ServiceFile:
    variables = _environment(settings).items()
    # `$` begins a variable in a command, and nowhere else.
    start = " ".join(_quoted(word).replace("$", "$$") for word in [*command(), "orchestrate"])
    lines = [
        "[Unit]",
        "Description=mcp-automl: goes on with unfinished studies",
        "",
        "[Service]",
        "Type=exec",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in variables),
        f"ExecStart={start}",
        "# The orchestrator alone is asked to leave; it interrupts its trainings itself.",
        "KillMode=mixed",
        f"TimeoutStopSec={STOP_SECONDS}",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    folder = "~/.config/systemd/user"
    install = (
        f"mkdir -p {folder}",
        f"{_printing(Starter.SYSTEMD)} > {folder}/{UNIT}",
        "systemctl --user daemon-reload",
        f"systemctl --user enable {UNIT}",
        'loginctl enable-linger "$USER"   # start it at boot, and not only once you log in',
    )
    return ServiceFile(text="\n".join(lines) + "\n", install=install)


def _quoted(text: str) -> str:
    return f'"{text.translate(LITERAL)}"'


def _launchd(settings: Settings) -> ServiceFile:
    described = {
        "Label": LABEL,
        "ProgramArguments": [*command(), "orchestrate"],
        "EnvironmentVariables": _environment(settings),
        "RunAtLoad": True,
        "ExitTimeOut": STOP_SECONDS,
    }
    file = f"~/Library/LaunchAgents/{LABEL}.plist"
    install = (
        "mkdir -p ~/Library/LaunchAgents",
        f"{_printing(Starter.LAUNCHD)} > {file}",
        f'launchctl bootstrap "gui/$(id -u)" {file}',
    )
    return ServiceFile(text=plistlib.dumps(described, sort_keys=False).decode(), install=install)


def _printing(starter: Starter) -> str:
    return f"{shlex.join(command())} config service --{starter.value} 2>/dev/null"
