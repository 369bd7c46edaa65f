"""What `make conformance` runs the suite against; the suite itself comes from npm, not here."""

from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.types import TextContent

from tests.conformance import __main__ as suite
from tests.conformance.mounted import extended, mounted
from tests.test_server import TOOLS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_suite_meets_the_products_server_over_http(mode: str) -> None:
    with anyio.fail_after(20):
        async with mounted(extended()) as url, Client(url, mode=mode) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            read = (await client.read_resource("automl://trainers/mnist")).contents[0]
            said = (await client.call_tool("test_simple_text", {})).content[0]
            refused = await client.call_tool("test_simple_text", {"loud": True})
    assert names[: len(TOOLS)] == TOOLS
    assert {"test_simple_text", "json_schema_2020_12_tool"} < set(names)
    assert str(getattr(read, "text")).startswith("# mnist")  # noqa: B009
    assert isinstance(said, TextContent) and "simple text" in said.text
    assert refused.is_error, "the product's own check of arguments stands before the suite's tools"


@pytest.mark.parametrize("version", suite.VERSIONS)
def test_every_exception_has_its_reason_above_it(version: str) -> None:
    lines = suite.exceptions(version).read_text(encoding="utf-8").splitlines()
    for before, line in zip(lines, lines[1:], strict=False):
        if line.lstrip().startswith("- "):
            assert before.lstrip().startswith("# ") and before.endswith("."), line


def test_without_npm_a_sentence_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as left:
        suite.main()
    assert left.value.code == 1
    assert "install Node.js 20 or newer with npm" in capsys.readouterr().out


async def test_what_is_not_done_in_time_is_ended() -> None:
    with anyio.fail_after(10):
        assert await suite.ended(["sleep", "60"], 0.05) is None
        assert await suite.ended(["true"], 5) == 0
