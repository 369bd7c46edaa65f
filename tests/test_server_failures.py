"""A server whose use cases cannot be made, or crash."""

from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer

from mcp_automl.domain.errors import WorkspaceUnusable
from mcp_automl.server.app import build
from mcp_automl.service import Service
from tests.fakes_server import FakeRegistry, a_service
from tests.test_server import call, text_of


@pytest.fixture
def attempts() -> list[None]:
    return []


@pytest.fixture
def fragile(attempts: list[None], tmp_path: Path) -> MCPServer[Any]:
    """A server whose use cases cannot be made at the first attempt."""

    def provide() -> Service:
        attempts.append(None)
        if len(attempts) == 1:
            raise WorkspaceUnusable()
        return a_service(FakeRegistry(), tmp_path)

    return build(provide)


async def test_a_workspace_that_cannot_be_used_is_said_and_tried_again(
    fragile: MCPServer[Any], attempts: list[None]
) -> None:
    async with Client(fragile) as client:
        assert attempts == [], "the use cases are made at the first call that wants them"
        refused = await call(client, "list_automl_studies")
        assert refused.is_error and "set MCP_AUTOML_HOME to a folder" in text_of(refused)
        assert not (await call(client, "list_automl_studies")).is_error
        assert not (await call(client, "list_automl_studies")).is_error
        assert len(attempts) == 2


@pytest.fixture
def broken() -> MCPServer[Any]:
    def provide() -> Service:
        raise RuntimeError("a secret path")

    return build(provide)


async def test_a_crash_is_logged_whole_and_told_in_a_sentence(
    broken: MCPServer[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(broken) as client:
        result = await call(client, "list_automl_studies")
    assert result.is_error
    assert "secret" not in text_of(result) and "mcp-automl doctor" in text_of(result)
    assert "RuntimeError: a secret path" in caplog.text
