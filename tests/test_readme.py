"""What the README says is so: its blocks, commands, tools, settings and files."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from mcp_automl.boot import command
from mcp_automl.catalog import Catalog
from mcp_automl.cli import app
from mcp_automl.clients import Client, Server, block, file
from mcp_automl.declarations import Declarations
from mcp_automl.domain.toolsets import Toolset
from mcp_automl.roster import own_trainers
from mcp_automl.server.app import build
from mcp_automl.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    fenced = re.split(r"^```", README, flags=re.MULTILINE)[1::2]
    return [text for first, _, text in (b.partition("\n") for b in fenced) if first == language]


def commands() -> set[str]:
    return {
        str(known.name or getattr(known.callback, "__name__", ""))
        for known in app.registered_commands
    }


PYTHON = "/absolute/path/to/mcp-automl/.venv/bin/python"
SERVE = Server(command=(PYTHON, *command()[1:], "serve"))


def test_the_claude_desktop_block_is_the_example_file() -> None:
    example = (ROOT / "claude_desktop_config.example.json").read_text()
    environment = json.loads(example)["mcpServers"]["automl"]["env"]
    server = Server(command=SERVE.command, environment=environment)
    assert example == block(Client.CLAUDE_DESKTOP, server)
    assert example in blocks("json")


@pytest.mark.parametrize("client", [c for c in Client if c is not Client.CLAUDE_DESKTOP])
def test_every_clients_block_is_what_the_command_prints(client: Client) -> None:
    (section,) = re.findall(rf"<summary>{client.title}</summary>(.*?)</details>", README, re.DOTALL)
    (shown,) = re.findall(r"^```\w+\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert shown == block(client, SERVE)
    path = file(client, Path("~"), {}, "linux")
    assert path is None or client is Client.CLAUDE_CODE or f"`{path}`" in section


def test_the_clients_and_toolsets_that_are_named_are_those_there_are() -> None:
    section = README[README.index("## Connecting") : README.index("## A session")]
    assert all(f"`{client.value}`" in section for client in Client)
    assert all(f"`{toolset.value}`" in section for toolset in Toolset)


def test_the_environment_of_the_example_is_made_of_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    example = json.loads((ROOT / "claude_desktop_config.example.json").read_text())
    environment = example["mcpServers"]["automl"]["env"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours = Settings().as_environment()
    assert {name: ours[name] for name in environment} == environment


def test_every_command_that_is_named_exists() -> None:
    known = "serve|orchestrate|demo|tune|studies|stop|export|delete|costs|doctor"
    named = set(re.findall(rf"`?mcp-automl ({known}\w*)", README))
    assert named <= commands()
    assert {"demo", "tune", "studies", "costs", "doctor"} <= named


def test_every_space_that_is_shown_can_be_searched() -> None:
    shown = re.findall(r"--space '(.*?)'", README, re.DOTALL)
    assert shown
    for space in shown:
        assert Catalog().search("mnist", space, None).space.when, "momentum is for sgd alone"


async def test_the_table_of_tools_is_the_list_of_tools() -> None:
    def no_service() -> None:
        raise AssertionError("listing tools needs no service")

    server = build(no_service)  # type: ignore[arg-type]
    tools = {tool.name: list(tool.input_schema["properties"]) for tool in await server.list_tools()}
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", README, re.MULTILINE)
    named = {name: re.findall(r"(?:^|, )(\w+)", given) for name, given in rows}
    assert named == tools


def test_every_setting_of_the_table_exists_with_that_default() -> None:
    table = dict(re.findall(r"^\| `(M\w+)` \| (.*?) \|", README, re.MULTILINE))
    assert set(table) == set(Settings().as_environment())
    numbers = {name: float(value) for name, value in table.items() if value[0].isdigit()}
    ours = Settings().as_environment()
    assert {name: float(ours[name]) for name in numbers} == numbers


def test_every_file_and_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    tree = next(block for block in blocks("") if block.startswith("mcp_automl/"))
    for line in tree.splitlines():
        for name in re.findall(r"[\w/]+(?:\.py|/)(?=\s|$|,|;|:)", line.strip()):
            rooms = (ROOT / "mcp_automl", ROOT / "trainers")
            found = any(list(room.rglob(Path(name).name)) for room in rooms)
            assert found or (ROOT / name).exists(), name
    for benchmark in re.findall(r"python -m benchmarks\.([\w |]+)", README):
        for name in benchmark.split(" | "):
            assert (ROOT / "benchmarks" / f"{name.strip()}.py").exists(), name


def test_every_own_trainer_that_is_shown_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(tmp_path / "mcp_automl.toml"))
    tables = (*indented("toml"), *blocks("toml"))
    shown = "\n".join(block for block in tables if "[trainers." in block)
    (tmp_path / "perceptron.py").write_text(next(b for b in indented("python") if "SPEC" in b))
    (tmp_path / "mcp_automl.toml").write_text(shown.replace("/home/me/project", str(tmp_path)))
    catalog = Catalog(own=lambda: own_trainers(Declarations()))

    assert set(catalog.search("digits", None, None).space.parameters) == {"lr", "hidden", "epochs"}
    assert set(catalog.search("perceptron", None, None).space.parameters) == {"lr", "epochs"}
    assert set(catalog.search("logistic", None, None).space.parameters) == {"C"}


def indented(language: str) -> list[str]:
    """Blocks within a list."""
    found = re.findall(rf"^   ```{language}\n(.*?)^   ```", README, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]
