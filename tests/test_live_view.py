"""The live view: one file that needs nothing else, tied to the tool whose result it shows."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from mcp import Client
from mcp.server.mcpserver import MCPServer

from mcp_automl.domain.paging import MAX_LIMIT
from mcp_automl.server import live
from mcp_automl.server.models import ComparisonModel, StatusModel
from mcp_automl.server.shapes import MAX_ROWS_CHARACTERS
from mcp_automl.server.study_resources import TrialPageModel, TrialShownModel
from tests.test_server import TOOLS

HOST = Path(__file__).parent / "live_view_host.js"

pytestmark = pytest.mark.anyio


async def test_the_view_is_read_by_whoever_renders_it(client: Client) -> None:
    with anyio.fail_after(5):
        (content,) = (await client.read_resource(live.URI)).contents
    assert content.mime_type == "text/html;profile=mcp-app"
    assert getattr(content, "text") == await to_thread.run_sync(live.page)  # noqa: B009


async def test_the_status_names_its_view(server: MCPServer[Any]) -> None:
    tools = {tool.name: tool.meta for tool in await server.list_tools()}
    assert tools["get_automl_study_status"] == {"ui": {"resourceUri": live.URI}}
    assert [name for name, meta in tools.items() if meta] == ["get_automl_study_status"]


def test_it_opens_no_connection_and_loads_nothing_else() -> None:
    page = live.page()
    named = set(re.findall(r"https?://[^\s\"']+", page))
    assert named == {"http://www.w3.org/2000/svg"}, "a name, and no address"
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|innerHTML|eval\(|<link|src=", page)


def scenarios() -> list[str]:
    """What the stub of a host knows to look at."""
    return re.findall(r'^  async "(.+)"\(\)', HOST.read_text(encoding="utf-8"), re.M)


@pytest.mark.skipif(shutil.which("node") is None, reason="its script is run by node")
@pytest.mark.parametrize("scenario", scenarios())
def test_its_script_in_a_host(scenario: str) -> None:
    script = live.page().split("<script>")[1].split("</script>")[0]
    told = subprocess.run(
        ["node", "--input-type=commonjs", "-", scenario],
        input=HOST.read_text(encoding="utf-8").replace("// THE SCRIPT", script),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (told.returncode, told.stderr, told.stdout) == (0, "", "all is as it should be\n")


def test_its_stub_of_a_host_cuts_pages_where_the_server_does() -> None:
    stub = HOST.read_text(encoding="utf-8")
    assert f"ROWS_CHARACTERS = {MAX_ROWS_CHARACTERS}, MOST_ROWS = {MAX_LIMIT};" in stub


def test_it_asks_for_tools_and_fields_that_there_are() -> None:
    page = live.page()
    assert set(re.findall(r'call\("(\w+)"', page)) <= set(TOOLS)
    assert set(re.findall(r"\bstatus\.(\w+)", page)) <= set(StatusModel.model_fields)
    assert "trials" in ComparisonModel.model_fields and "trials" in TrialPageModel.model_fields
    assert {"measurements"} <= set(TrialShownModel.model_fields)
