"""What registries and hosts are told of the package, held against the package itself.

The registry's schema (2025-12-11) is not to be had without internet: its rules that can be broken
here are checked one by one.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer

from mcp_automl import __version__
from mcp_automl.settings import variables

ROOT = Path(__file__).parent.parent
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
SERVER: dict[str, Any] = json.loads((ROOT / ".mcp" / "server.json").read_text())
MANIFEST: dict[str, Any] = json.loads((ROOT / ".mcp" / "manifest.json").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_registrys_entry_keeps_its_rules() -> None:
    assert SERVER["$schema"] == SCHEMA
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 3 <= len(SERVER["name"]) <= 200
    assert 1 <= len(SERVER["description"]) <= 100
    assert 1 <= len(SERVER["title"]) <= 100
    assert f"mcp-name: {SERVER['name']}" in (ROOT / PROJECT["project"]["readme"]).read_text()


def test_both_name_this_version_exactly() -> None:
    versions = [SERVER["version"], MANIFEST["version"], *(p["version"] for p in SERVER["packages"])]

    assert versions == [__version__] * 3


def test_the_registrys_package_is_this_one_and_serves() -> None:
    (package,) = SERVER["packages"]

    assert (package["registryType"], package["identifier"]) == ("pypi", PROJECT["project"]["name"])
    assert package["transport"] == {"type": "stdio"}
    assert [argument["value"] for argument in package["packageArguments"]] == ["serve"]
    extras = re.findall(r"mcp-automl\[(\w+)\]", json.dumps(package["runtimeArguments"]))
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])
    named = {variable["name"] for variable in package["environmentVariables"]}
    assert named <= variables() | {"MCP_AUTOML_CONFIG"}


async def test_the_bundle_names_the_tools_that_the_server_has(server: MCPServer[Any]) -> None:
    tools = await server.list_tools()

    described = [(tool.name, (tool.description or "").splitlines()[0]) for tool in tools]
    assert [(tool["name"], tool["description"]) for tool in MANIFEST["tools"]] == described


def test_the_bundle_starts_the_server_with_what_the_package_declares() -> None:
    server = MANIFEST["server"]
    words = server["mcp_config"]["args"]

    assert (MANIFEST["manifest_version"], server["type"]) == ("0.4", "uv")
    assert (ROOT / server["entry_point"]).is_file()
    assert words[-2:] == [next(iter(PROJECT["project"]["scripts"])), "serve"]
    assert words[words.index("--extra") + 1] in PROJECT["project"]["optional-dependencies"]
    assert set(server["mcp_config"]["env"]) <= variables()
    asked = re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(server))
    assert set(asked) == set(MANIFEST["user_config"])
    assert all("default" in MANIFEST["user_config"][name] for name in asked), "none stays unset"


def test_all_that_the_source_distribution_includes_is_there() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    assert [name for name in included if not (ROOT / name).exists()] == []
    assert {".mcp", "claude_desktop_config.example.json"} <= set(included)
