"""How long a client may keep what it was told, and for whom; nothing of it before 2026."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.types import CacheableResult

from mcp_automl.server.live import URI as LIVE_VIEW
from tests.fakes_server import FakeRegistry, a_config, a_study, a_trial

pytestmark = pytest.mark.anyio
NAME = "mnist-opt-20260104"
STUDY = f"automl://studies/{NAME}"

LISTS: dict[str, Callable[[Client], Awaitable[CacheableResult]]] = {
    "tools": lambda client: client.list_tools(),
    "prompts": lambda client: client.list_prompts(),
    "resources": lambda client: client.list_resources(),
    "templates": lambda client: client.list_resource_templates(),
}


@pytest.fixture
async def modern(server: MCPServer[Any]) -> AsyncIterator[Client]:
    """A client of 2026 that keeps nothing, so that it shows what each answer says."""
    async with Client(server, cache=None) as client:
        yield client


def hint(result: CacheableResult) -> tuple[int, str]:
    return result.ttl_ms, result.cache_scope


@pytest.mark.parametrize("kind", LISTS)
async def test_lists_name_no_study_and_may_be_kept_for_minutes_by_anyone(
    modern: Client, registry: FakeRegistry, kind: str
) -> None:
    with anyio.fail_after(5):
        before = await LISTS[kind](modern)
        registry.add(a_study(config=a_config(NAME)), [a_trial()])
        after = await LISTS[kind](modern)
    assert hint(before) == (300_000, "public")
    assert before == after


async def test_what_the_server_is_may_be_kept_as_its_lists_may(modern: Client) -> None:
    found = modern.session.discover_result
    assert found is not None and hint(found) == (300_000, "public")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("automl://studies", (0, "private")),
        (STUDY, (0, "private")),
        (f"{STUDY}/trials?limit=1", (0, "private")),
        (f"{STUDY}/trials/2", (0, "private")),
        (f"{STUDY}/best", (0, "private")),
        (f"{STUDY}/importance", (0, "private")),
        (f"{STUDY}/report.md", (0, "private")),
        ("automl://queue", (0, "private")),
        ("automl://costs", (0, "private")),
        ("automl://trainers", (60_000, "private")),
        ("automl://trainers/mnist", (60_000, "private")),
        (LIVE_VIEW, (300_000, "public")),
    ],
)
async def test_of_what_is_read_only_what_stays_the_same_may_be_kept(
    modern: Client, registry: FakeRegistry, uri: str, expected: tuple[int, str]
) -> None:
    registry.add(a_study(config=a_config(NAME)), [a_trial()])
    with anyio.fail_after(5):
        assert hint(await modern.read_resource(uri)) == expected


async def test_a_client_of_2025_is_told_nothing_of_keeping(server: MCPServer[Any]) -> None:
    async with Client(server, mode="legacy") as client:
        with anyio.fail_after(5):
            results = [await LISTS[kind](client) for kind in LISTS]
            results += [await client.read_resource(uri) for uri in ("automl://trainers", LIVE_VIEW)]
    words = {"ttl_ms", "cache_scope"}
    assert [it.model_fields_set & words for it in results] == [set()] * len(results)
