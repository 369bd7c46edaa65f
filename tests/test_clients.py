"""What chat clients are told: read as they read it, and put into files that stay as they are."""

import json
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mcp_automl.cli import main
from mcp_automl.cli_config import app
from mcp_automl.client_files import place
from mcp_automl.clients import Client, Server, block, environment, file
from mcp_automl.domain.errors import ClientFileUnusable, InvalidRequest
from mcp_automl.settings import config_file, variables

COMMAND = (sys.executable, "-P", "-m", "mcp_automl", "serve")
SERVER = Server(command=COMMAND, environment={"MCP_AUTOML_HOME": '/a "strange" \\ pläce\x7f'})
WITH_FILES = [Client.CLAUDE_DESKTOP, Client.VSCODE, Client.CURSOR, Client.CODEX, Client.GEMINI]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: no client of this machine is touched."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    return home


def parsed(client: Client, text: str) -> dict[str, Any]:
    return tomllib.loads(text) if client is Client.CODEX else dict(json.loads(text))


def config(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


# --- what is printed ---------------------------------------------------------------------------


@pytest.mark.parametrize("client", WITH_FILES)
def test_a_block_starts_this_installation_with_what_the_shell_says(client: Client) -> None:
    entry = parsed(client, block(client, SERVER))[client.table]["automl"]

    assert (entry["command"], *entry["args"]) == COMMAND
    assert entry["env"] == SERVER.environment
    assert entry.get("type") == ("stdio" if client is Client.VSCODE else None)


@pytest.mark.parametrize("client", [Client.CLAUDE_CODE, Client.INSPECTOR])
def test_a_command_line_is_one_for_a_shell(client: Client) -> None:
    words = shlex.split(block(client, SERVER))

    assert words[words.index("--") + 1 :] == list(COMMAND)
    if client is Client.CLAUDE_CODE:
        # It would take a name right after a variable for another one.
        assert words[words.index("automl") - 2] == "--scope"
    assert f"MCP_AUTOML_HOME={SERVER.environment['MCP_AUTOML_HOME']}" in words


@pytest.mark.parametrize("client", list(Client))
def test_the_command_prints_the_block_alone_and_beside_it_where_it_belongs(
    client: Client, home: Path
) -> None:
    done = config(client.value, "--read-only")

    assert done.exit_code == 0
    assert "--read-only" in done.stdout and "mcp_automl" in done.stdout
    assert done.stderr.strip()
    if client in WITH_FILES:
        assert parsed(client, done.stdout)
        assert f"{file(client, home, {}, sys.platform)}" in done.stderr
        assert "--read-only --write" in done.stderr
    assert list(home.iterdir()) == []


def test_only_what_a_client_would_not_know_is_written_down(tmp_path: Path) -> None:
    settings = {"MCP_AUTOML_HOME": "/absolute/ws", "MCP_AUTOML_KEEP_MODELS": "3"}
    config = tmp_path / "mcp_automl.toml"

    def told(**shell: str) -> dict[str, str]:
        return environment(shell, settings, variables(), config)

    assert told(PATH="/bin", MCP_AUTOML_PARAM_LR="1", MCP_AUTOML_KEEP_MODELS="") == {}
    assert told(MCP_AUTOML_HOME="ws") == {"MCP_AUTOML_HOME": "/absolute/ws"}
    assert told(MCP_AUTOML_ALLOWED_MODELS="a/*") == {"MCP_AUTOML_ALLOWED_MODELS": "a/*"}
    assert told(MCP_AUTOML_CONFIG="mine.toml") == {"MCP_AUTOML_CONFIG": str(config)}
    assert told(XDG_CONFIG_HOME="/c") == {"MCP_AUTOML_CONFIG": str(config)}
    assert told(XDG_DATA_HOME="/d") == {"MCP_AUTOML_HOME": "/absolute/ws"}


def test_the_command_takes_over_this_shells_workspace_and_file(tmp_path: Path) -> None:
    env = json.loads(config("cursor").stdout)["mcpServers"]["automl"]["env"]

    expected = {
        "MCP_AUTOML_HOME": str(tmp_path / "workspace"),
        "MCP_AUTOML_CONFIG": str(config_file()),
    }
    assert env == expected


@pytest.mark.parametrize(
    ("client", "platform", "path"),
    [
        ("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json"),
        (
            "claude-desktop",
            "darwin",
            "Library/Application Support/Claude/claude_desktop_config.json",
        ),
        ("vscode", "linux", ".config/Code/User/mcp.json"),
        ("vscode", "darwin", "Library/Application Support/Code/User/mcp.json"),
        ("cursor", "darwin", ".cursor/mcp.json"),
        ("gemini", "linux", ".gemini/settings.json"),
        ("codex", "linux", ".codex/config.toml"),
        ("claude-code", "linux", ".claude.json"),
    ],
)
def test_each_client_keeps_its_servers_at_its_own_place(
    client: str, platform: str, path: str
) -> None:
    assert file(Client(client), Path("/home/me"), {}, platform) == Path("/home/me") / path


def test_places_that_the_environment_names_are_followed() -> None:
    def named(client: Client, **environ: str) -> Path | None:
        return file(client, Path("/home/me"), environ, "linux")

    assert named(Client.CODEX, CODEX_HOME="/c") == Path("/c/config.toml")
    assert named(Client.VSCODE, XDG_CONFIG_HOME="/x") == Path("/x/Code/User/mcp.json")
    assert named(Client.INSPECTOR) is None


# --- what is written ---------------------------------------------------------------------------


@pytest.mark.parametrize("client", WITH_FILES)
def test_a_file_is_made_with_its_folder_and_left_alone_the_second_time(
    client: Client, home: Path
) -> None:
    path = file(client, home, {}, sys.platform)
    assert path is not None

    assert "Written" in config(client.value, "--write").stdout
    written = path.read_text()
    assert parsed(client, written)[client.table]["automl"]["command"] == sys.executable
    assert written == config(client.value).stdout

    assert "there already" in config(client.value, "--write").stdout
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_all_else_in_a_json_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    old = '{\r\n\t"z": "é",\r\n\t"mcpServers": {\r\n\t\t"b": {"url": "x"}\r\n\t},\r\n\t"a": 1\r\n}'
    path.write_bytes(old.encode())
    path.chmod(0o640)

    placed = place(path, Client.CURSOR, SERVER)

    new = path.read_bytes().decode()
    assert list(json.loads(new)) == ["z", "mcpServers", "a"]
    assert list(json.loads(new)["mcpServers"]) == ["b", "automl"]
    assert '\r\n\t"z": "é",\r\n' in new and not new.endswith("\n")
    assert "\n" not in new.replace("\r\n", "")
    assert path.stat().st_mode & 0o777 == 0o640
    assert placed.backup is not None
    assert placed.backup.read_bytes() == old.encode()
    assert placed.backup.stat().st_mode & 0o777 == 0o640


def test_what_the_user_has_added_to_the_entry_stays_and_every_backup_too(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    entry = {"command": "old", "args": ["x"], "timeout": 5, "env": {"HF_HOME": "/hf"}}
    path.write_text(json.dumps({"mcpServers": {"automl": entry}}))

    first = place(path, Client.CURSOR, SERVER)
    second = place(path, Client.CURSOR, Server(command=COMMAND[:-1]))

    left = json.loads(path.read_text())["mcpServers"]["automl"]
    assert left["timeout"] == 5
    assert left["env"] == {"HF_HOME": "/hf", **SERVER.environment}
    assert (left["command"], *left["args"]) == COMMAND[:-1]
    assert first.backup != second.backup and first.backup and second.backup


def test_a_server_of_another_kind_under_that_name_makes_way(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{"mcpServers": {"automl": {"url": "https://example.org"}}}')

    place(path, Client.CURSOR, SERVER)

    assert json.loads(path.read_text())["mcpServers"]["automl"] == SERVER.entry(Client.CURSOR)


TOML = """# mine
model = "x"  # keep

[mcp_servers.other]  # too
command = "y"
{automl}
[profiles.a]
model = "z"
"""
OLD = '\n[mcp_servers.automl]\n# slow\ncommand = "old"\ntool_timeout_sec = 120 # long\n'


@pytest.mark.parametrize("automl", ["", OLD])
def test_all_else_in_a_toml_file_stays_to_the_letter(automl: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TOML.format(automl=automl))

    place(path, Client.CODEX, SERVER)

    new = path.read_text()
    kept = [line for line in TOML.format(automl=automl).splitlines() if "old" not in line]
    assert [line for line in kept if line not in new.splitlines()] == []
    entry = tomllib.loads(new)["mcp_servers"]["automl"]
    assert {**entry, "tool_timeout_sec": 0} == {**SERVER.entry(Client.CODEX), "tool_timeout_sec": 0}
    assert not place(path, Client.CODEX, SERVER).changed


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "mcp.json", tmp_path / "mcp.json"
    link.symlink_to(real)

    place(link, Client.CURSOR, SERVER)

    assert link.is_symlink()
    assert "automl" in real.read_text()


@pytest.mark.parametrize(
    ("client", "content"),
    [
        (Client.VSCODE, b'{\n  // my servers\n  "servers": {}\n}'),
        (Client.VSCODE, b'{"servers": {},}'),
        (Client.VSCODE, b'{"servers": {"a": {}}, "servers": {}}'),
        (Client.VSCODE, b"[]"),
        (Client.VSCODE, b'{"servers": []}'),
        (Client.VSCODE, b'{"servers": {"automl": 1}}'),
        (Client.VSCODE, b'{"a": "\\ud800"}'),
        (Client.VSCODE, b'{"a": 1e400}'),
        (Client.VSCODE, b'{"a": 0.1234567890123456789}'),
        (Client.VSCODE, b"\xff\xfe"),
        (Client.CODEX, b"[mcp_servers"),
        (Client.CODEX, b'mcp_servers.automl.command = "x"\nmcp_servers.automl.args = []\n'),
        (Client.CODEX, b'mcp_servers = {other = {command = "x"}}\n'),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_and_left_alone(
    client: Client, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(ClientFileUnusable, match="left alone") as refused:
        place(path, client, SERVER)

    assert str(refused.value).count("left alone") == 1, "and one reason is given"
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["file"]


@pytest.mark.parametrize(
    ("client", "content", "told"),
    [
        (Client.VSCODE, b'\xef\xbb\xbf{"servers": {}}', r"without one; .* commas count\)"),
        (
            Client.CODEX,
            b'\xef\xbb\xbfmodel = "z"\n',
            r"not TOML \(.* save it as UTF-8 without one\)",
        ),
        (Client.VSCODE, b'{"a": NaN}', "NaN is no number in JSON"),
        (Client.VSCODE, b'{"a": [-Infinity]}', "-Infinity is no number in JSON"),
    ],
)
def test_what_only_some_readers_take_is_named_and_left_alone(
    client: Client, content: bytes, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(ClientFileUnusable, match=told):
        place(path, client, SERVER)

    assert path.read_bytes() == content


def test_a_refusal_is_one_sentence_on_the_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").write_text("{//\n}")
    monkeypatch.setattr(sys, "argv", ["mcp-automl", "config", "cursor", "--write"])

    with pytest.raises(SystemExit) as left:
        main()

    said = capsys.readouterr()
    assert (left.value.code, said.out) == (1, "")
    assert said.err.startswith("error: ") and "left alone" in said.err


# --- Claude Code -------------------------------------------------------------------------------

CLAUDE = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
split = words.index("--")
entry = dict(type="stdio", command=words[split + 1], args=words[split + 2:])
entry["env"] = dict(word.split("=", 1) for word in words[:split] if "=" in word)
whole = dict(mcpServers=dict([(words[split - 1], entry)]))
pathlib.Path.home().joinpath(".claude.json").write_text(json.dumps(whole))
print("Added", words[split - 1])
"""


@pytest.fixture
def claude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `claude` that stores what it is told as the real one does."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(CLAUDE.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


@pytest.mark.usefixtures("claude")
def test_claude_code_writes_its_file_itself_and_once(home: Path) -> None:
    assert "Added automl" in config("claude-code", "--write").stdout
    assert "there already" in config("claude-code", "--write").stdout

    entry = json.loads((home / ".claude.json").read_text())["mcpServers"]["automl"]
    assert (entry["command"], *entry["args"]) == COMMAND

    other = config("claude-code", "--write", "--read-only")
    assert isinstance(other.exception, ClientFileUnusable)
    assert "claude mcp remove --scope user automl" in str(other.exception)


def test_where_there_is_no_claude_the_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    done = config("claude-code", "--write")

    assert isinstance(done.exception, ClientFileUnusable)
    assert "claude mcp add" in str(done.exception)


def test_what_has_no_file_is_not_written() -> None:
    assert isinstance(config("inspector", "--write").exception, ClientFileUnusable)


def test_a_toolset_that_does_not_exist_is_not_configured() -> None:
    assert isinstance(config("cursor", "--toolsets", "nothing").exception, InvalidRequest)
