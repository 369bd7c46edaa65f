"""Cues that resources have changed, in both eras, and what of the SDK they hang on."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.server.subscriptions import ResourceUpdated
from mcp.types import ResourceUpdatedNotification

from mcp_automl.domain.cues import changed
from mcp_automl.domain.study import StudyState
from mcp_automl.server import changes
from mcp_automl.server.app import build
from tests.fakes_server import FakeRegistry, a_config, a_service, a_study, a_trial

pytestmark = [
    pytest.mark.anyio,
    # The 2025 era is what is tested.
    pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning"),
]
NAME = "mnist-opt-20260104"
URI = f"automl://studies/{NAME}"


@pytest.fixture(autouse=True)
def no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "GATHER_SECONDS", 0.01)


@pytest.fixture
def server(registry: FakeRegistry, tmp_path: Path) -> MCPServer[Any]:
    return build(lambda: a_service(registry, tmp_path))


def progressing(registry: FakeRegistry) -> None:
    """A study one of whose trials ends each time that somebody looks for changes."""
    trials = [a_trial(0, 0.5)]
    registry.add(a_study(StudyState.RUNNING, config=a_config(NAME)), trials)

    def write() -> None:
        trials.append(a_trial(len(trials), 0.5))
        registry.add(a_study(StudyState.RUNNING, config=a_config(NAME)), trials)

    registry.write_more = write


async def test_who_listens_is_told_of_a_study_that_progresses(
    server: MCPServer[Any], registry: FakeRegistry
) -> None:
    progressing(registry)
    with anyio.fail_after(10):
        async with Client(server) as client:
            async with client.listen(resource_subscriptions=[URI]) as heard:
                async for event in heard:
                    assert isinstance(event, ResourceUpdated) and event.uri == URI
                    break


async def test_who_has_subscribed_is_told_until_it_unsubscribes(
    server: MCPServer[Any], registry: FakeRegistry
) -> None:
    progressing(registry)
    told = anyio.Event()
    uris: list[str] = []

    async def hear(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            uris.append(str(message.params.uri))
            told.set()

    with anyio.fail_after(10):
        async with Client(server, mode="legacy", message_handler=hear) as client:
            assert client.server_capabilities.resources is not None
            assert client.server_capabilities.resources.subscribe
            await client.subscribe_resource(URI)
            await told.wait()
            await client.unsubscribe_resource(URI)
    assert set(uris) == {URI}


async def test_nothing_is_watched_while_nobody_listens(
    server: MCPServer[Any], registry: FakeRegistry
) -> None:
    looks: list[int] = []
    registry.write_more = lambda: looks.append(1)
    async with Client(server) as client:
        await client.list_tools()
        await anyio.wait_all_tasks_blocked()
    assert looks == []


def test_the_sdk_still_has_what_the_older_era_hangs_on(server: MCPServer[Any]) -> None:
    inner = server._lowlevel_server
    assert {"resources/subscribe", "resources/unsubscribe"} <= set(inner._request_handlers)


def test_what_has_changed_is_named_and_nothing_else() -> None:
    before = {"a": 1, "b": 1, "job-3": 1}
    assert changed(before, before) == []
    assert changed(before, {**before, "job-3": 2})[0] == "automl://jobs/job-3"
    gone = changed(before, {"b": 1, "job-3": 1})
    assert gone[0] == "automl://studies/a" and "automl://queue" in gone
    assert not any("studies/b" in uri for uri in gone)
