"""Cues that resources have changed, in both eras, and what of the SDK they hang on."""

import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.subscriptions import ResourceUpdated, ServerEvent, ToolsListChanged
from mcp.types import ResourceUpdatedNotification

from mcp_automl.domain.cues import is_about, renewed
from mcp_automl.domain.study import StudyState
from mcp_automl.server import changes
from mcp_automl.server.app import build
from mcp_automl.settings import Settings
from tests.clocks_for_tests import Clock
from tests.fakes_server import FakeRegistry, a_config, a_service, a_study, a_trial
from tests.test_server import text_of

pytestmark = [
    pytest.mark.anyio,
    # The 2025 era is what is tested.
    pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning"),
]
NAME = "mnist-opt-20260104"
URI = f"automl://studies/{NAME}"
COSTS = "automl://costs"
GATHER_SECONDS = changes.GATHER_SECONDS
"""As it is, which most tests do not wait for."""


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
    await is_told_of(server, URI)


async def is_told_of(server: MCPServer[Any], uri: str) -> None:
    """A listener of 2026 is told of that resource, under that address."""
    with anyio.fail_after(10):
        async with Client(server) as client:
            async with client.listen(resource_subscriptions=[uri]) as heard:
                async for event in heard:
                    assert isinstance(event, ResourceUpdated) and event.uri == uri
                    break


class Heard:
    """What a client of the 2025 era is told, in order."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self._more = anyio.Event()

    async def __call__(self, message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.uris.append(str(message.params.uri))
            self._more.set()

    async def times(self, uri: str, n: int) -> None:
        """Returns once it was told of it so many times from now on."""
        start = len(self.uris)
        while self.uris[start:].count(uri) < n:
            self._more = anyio.Event()
            await self._more.wait()


async def hears(server: MCPServer[Any], uri: str, times: int) -> None:
    """A subscriber of 2025 is told of that resource so often."""
    heard = Heard()
    with anyio.fail_after(10):
        async with Client(server, mode="legacy", message_handler=heard) as client:
            await client.subscribe_resource(uri)
            await heard.times(uri, times)


async def test_who_has_subscribed_is_told_until_it_unsubscribes(
    server: MCPServer[Any], registry: FakeRegistry
) -> None:
    progressing(registry)
    heard = Heard()
    with anyio.fail_after(10):
        async with Client(server, mode="legacy", message_handler=heard) as client:
            assert client.server_capabilities.resources is not None
            assert client.server_capabilities.resources.subscribe
            await client.subscribe_resource(COSTS)
            await client.subscribe_resource(URI)
            await client.subscribe_resource(URI)
            await heard.times(URI, 3)
            assert heard.uris.count(URI) <= heard.uris.count(COSTS), "once, however often asked"
            await client.unsubscribe_resource(URI)
            heard.uris.clear()
            await heard.times(COSTS, 3)
    assert set(heard.uris) == {COSTS}


@pytest.mark.parametrize("leaves", [False, True])
async def test_nothing_is_watched_once_the_last_subscriber_is_gone(
    server: MCPServer[Any], registry: FakeRegistry, leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    progressing(registry)
    closed = anyio.Event()
    watched = registry.changes()
    monkeypatch.setattr(watched, "close", closed.set)
    monkeypatch.setattr(registry, "changes", lambda: watched)
    heard = Heard()
    with anyio.fail_after(10):
        async with Client(server) as other:
            async with Client(server, mode="legacy", message_handler=heard) as client:
                await client.subscribe_resource(URI)
                await heard.times(URI, 1)
                if not leaves:
                    await client.unsubscribe_resource(URI)
                    await closed.wait()
            if leaves:
                await closed.wait()
            await other.list_tools()


@pytest.mark.parametrize(
    "uri",
    [
        f"{URI}/trials/0",
        f"{URI}/trials?limit=5",
        f"{URI}/trials?offset=2&limit=5&state=complete",
        URI.replace("mnist", "%6Dnist"),
        URI.upper().replace("AUTOML://STUDIES", "automl://studies"),
        f"automl://jobs/{NAME}.0/log",
    ],
)
async def test_whatever_is_part_of_a_study_gives_cues_under_the_address_that_was_asked_for(
    server: MCPServer[Any], registry: FakeRegistry, uri: str
) -> None:
    progressing(registry)
    await hears(server, uri, 1)
    await is_told_of(server, uri)


async def test_cues_of_a_busy_study_come_about_once_a_second(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "GATHER_SECONDS", GATHER_SECONDS)
    progressing(registry)
    clock = Clock(monkeypatch)
    told: list[float] = []
    enough = anyio.Event()
    bus = changes.Cues(lambda: a_service(registry, tmp_path))
    bus._asked_for[bus] = frozenset({URI})

    def hear(event: ServerEvent) -> None:
        told.append(clock.now)
        if len(told) == 4:
            enough.set()

    with anyio.fail_after(10):
        async with bus.lifespan(None):
            bus.subscribe(hear)
            await enough.wait()
    gaps = [later - earlier for earlier, later in pairwise(told)]
    assert all(0.5 <= gap <= 2 for gap in gaps), gaps


async def test_a_change_is_told_though_it_was_read_when_the_wait_was_over(
    server: MCPServer[Any], registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "QUIET_SECONDS", 0)
    progressing(registry)
    await hears(server, URI, 2)


async def test_cues_go_on_once_the_database_can_be_read_again(
    server: MCPServer[Any], registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "QUIET_SECONDS", 0.01)
    progressing(registry)
    marks = registry.marks
    looks: list[None] = []

    def locked_at_first() -> Any:
        looks.append(None)
        if len(looks) == 1:
            raise sqlite3.OperationalError("database is locked")
        return marks()

    monkeypatch.setattr(registry, "marks", locked_at_first)
    await hears(server, URI, 1)


async def test_settings_that_are_wrong_leave_the_server_alive_to_say_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MCP_AUTOML_MAX_PARALLEL_TRIALS", "many")
    monkeypatch.setattr(changes, "QUIET_SECONDS", 0.01)
    tried = [anyio.Event(), anyio.Event()]

    def provide() -> Any:
        next((it for it in tried if not it.is_set()), tried[1]).set()
        return Settings()

    with anyio.fail_after(10):
        async with Client(build(provide), mode="legacy") as client:
            await client.subscribe_resource(URI)
            for each in tried:
                await each.wait()
            said = await client.call_tool("list_automl_studies", {})
    assert "MAX_PARALLEL_TRIALS" in text_of(said)
    assert "nobody is told of changes for a while" in caplog.text


async def test_nothing_is_watched_while_nobody_listens(
    server: MCPServer[Any], registry: FakeRegistry
) -> None:
    looks: list[int] = []
    registry.write_more = lambda: looks.append(1)
    async with Client(server) as client:
        await client.list_tools()
        await anyio.wait_all_tasks_blocked()
    assert looks == []


@pytest.mark.parametrize(
    "method", ["resources/subscribe", "resources/unsubscribe", "subscriptions/listen"]
)
def test_the_sdk_calls_our_handlers_of_subscriptions(server: MCPServer[Any], method: str) -> None:
    handler: Any = server._lowlevel_server._request_handlers[method].handler
    assert isinstance(handler.__self__, changes.Cues), f"the SDK has changed: {handler}"


async def test_what_a_handler_tells_through_the_sdk_reaches_those_who_listen(
    server: MCPServer[Any],
) -> None:
    # As the SDK makes it for a handler.
    context = Context[Any, Any](mcp_server=server, subscriptions=server._subscriptions)
    with anyio.fail_after(10):
        async with Client(server) as client:
            async with client.listen(tools_list_changed=True) as heard:
                await context.notify_tools_changed()
                async for event in heard:
                    assert isinstance(event, ToolsListChanged)
                    break


def test_what_has_changed_is_named_and_nothing_else() -> None:
    before = {"a": 1, "b": 1, "job-3": 1}
    assert renewed(before, before) == []
    assert renewed(before, {**before, "job-3": 2, "c": 1}) == ["job-3", "c"]
    assert renewed(before, {"b": 1, "job-3": 1}) == ["a"], "it is gone"


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("automl://studies/a.1/trials?offset=2&limit=1", "a.1"),
        ("automl://studies/a.1/trials/3", "A.1"),
        ("automl://studies/my%20study/best", "my study"),
        ("automl://jobs/a.1.0/log", "a.1"),
        ("automl://jobs/job-3/log", "job-3"),
        ("automl://costs?since=1", "whatever"),
    ],
)
def test_an_address_is_about_its_own_study_or_job(uri: str, names: str) -> None:
    assert is_about(uri, [names])
    assert not is_about(uri, ["a", "job-30"]) or uri.startswith("automl://costs")
    assert not is_about(uri, [])
