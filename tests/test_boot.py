"""The files that start an orchestrator after a reboot, read as their readers read them."""

import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mcp_automl.boot import Starter, service_file, usual
from mcp_automl.cli import app
from mcp_automl.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(home=tmp_path / 'a "strange" 100% $HOME', max_parallel_trials=2)
    monkeypatch.delenv("MCP_AUTOML_CONFIG")
    return settings


def unit_lines(text: str, key: str) -> list[str]:
    """The values of a key as systemd reads them: `%%` is a percent sign, quotes are taken off."""
    values = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)
    return [word for value in values for word in shlex.split(value.replace("%%", "%"))]


def test_the_unit_starts_this_installation_in_this_workspace(settings: Settings) -> None:
    text = service_file(Starter.SYSTEMD, settings).text

    command = unit_lines(text, "ExecStart")
    environment = dict(line.split("=", 1) for line in unit_lines(text, "Environment"))

    assert command == [sys.executable, "-P", "-m", "mcp_automl", "orchestrate"]
    assert Path(command[0]).is_absolute()
    assert environment == settings.as_environment()
    assert Path(environment["MCP_AUTOML_HOME"]) == settings.workspace


def test_the_unit_asks_the_orchestrator_alone_to_leave(settings: Settings) -> None:
    assert "\nKillMode=mixed\n" in service_file(Starter.SYSTEMD, settings).text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_finds_nothing_wrong_with_the_unit(settings: Settings, tmp_path: Path) -> None:
    unit = tmp_path / "mcp-automl.service"
    unit.write_text(service_file(Starter.SYSTEMD, settings).text)

    command = ["systemd-analyze", "verify", "--user", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert "mcp-automl.service" not in done.stderr


def test_the_plist_starts_this_installation_in_this_workspace(settings: Settings) -> None:
    plist = plistlib.loads(service_file(Starter.LAUNCHD, settings).text.encode())

    assert plist["ProgramArguments"] == [sys.executable, "-P", "-m", "mcp_automl", "orchestrate"]
    assert plist["EnvironmentVariables"] == settings.as_environment()
    assert plist["RunAtLoad"] is True
    assert "KeepAlive" not in plist, "one that leaves for want of work shall not be started again"


def test_the_operators_file_is_named_to_the_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_AUTOML_CONFIG", "mine.toml")

    text = service_file(Starter.SYSTEMD, settings).text

    assert f"MCP_AUTOML_CONFIG={Path.cwd() / 'mine.toml'}" in unit_lines(text, "Environment")


def test_each_platform_gets_what_it_has() -> None:
    assert usual("linux") is Starter.SYSTEMD
    assert usual("darwin") is Starter.LAUNCHD


@pytest.mark.parametrize(
    ("option", "first", "installs"),
    [
        ("--systemd", "[Unit]", "systemctl --user enable mcp-automl.service"),
        ("--launchd", "<?xml", "launchctl bootstrap"),
    ],
)
def test_the_command_prints_the_file_alone_and_beside_it_how_to_install_it(
    option: str, first: str, installs: str
) -> None:
    done = CliRunner().invoke(app, ["config", "service", option])

    assert done.exit_code == 0
    assert done.stdout.startswith(first)
    assert installs not in done.stdout
    assert installs in done.stderr


def test_both_at_once_are_refused() -> None:
    done = CliRunner().invoke(app, ["config", "service", "--systemd", "--launchd"])

    assert done.exit_code != 0
    assert "choose --systemd or --launchd" in done.stderr


@pytest.mark.parametrize("starter", list(Starter))
def test_the_line_that_installs_it_writes_the_file(
    settings: Settings, starter: Starter, tmp_path: Path
) -> None:
    file = service_file(starter, settings)
    home = tmp_path / "home"
    shell = "\n".join(file.install[:2])
    environment = {**os.environ, **settings.as_environment(), "HOME": str(home)}

    subprocess.run(["sh", "-ec", shell], env=environment, check=True, timeout=60)

    (written,) = (path for path in home.rglob("*") if path.is_file())
    assert written.read_text() == file.text
