"""Whatever is asked of a workspace, somebody is woken if anything waits there and nobody lives."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from filelock import FileLock
from mcp import Client

from mcp_automl.catalog import Catalog
from mcp_automl.domain.errors import AutomlError, WorkspaceUnusable
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.study import StudyState, Trial, TrialState
from mcp_automl.domain.workspace import Backlog
from mcp_automl.launcher import Launcher
from mcp_automl.server.app import AutomlServer, build, rouse
from mcp_automl.server.provider import Once
from mcp_automl.service import Service
from mcp_automl.settings import Settings
from tests.fakes_server import (
    NOW,
    FakeAccounts,
    FakeArchive,
    FakeJobs,
    FakeRegistry,
    a_config,
    a_study,
)

Call = Callable[[Service], object]

CALLS: dict[str, Call] = {
    "start, with nothing left to run": lambda s: s.start_study(StudyRequest("done")),
    "quote": lambda s: s.quote_study(StudyRequest("new", "mnist")),
    "status": lambda s: s.status("done"),
    "status of nothing": lambda s: s.status("nothing"),
    "list": lambda s: s.studies(),
    "compare": lambda s: s.compare("done"),
    "best": lambda s: s.best("done"),
    "best of nothing": lambda s: s.best("nothing"),
    "stop": lambda s: s.stop_study("done"),
    "costs": lambda s: s.cost_report(),
    "job log": lambda s: s.job_log("done.0"),
}


class Asleep:
    """A workspace with a study that is done, and orchestrators that are counted."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.registry = FakeRegistry()
        trial = Trial(number=0, state=TrialState.COMPLETE, params={"epochs": 2}, value=0.5)
        self.registry.add(a_study(config=a_config("done", n_trials=1)), [trial])
        self.started: list[Settings] = []

    def ask(self, call: Call, start: Callable[[Settings], None] | None = None) -> object:
        return call(self.service(start))

    def service(self, start: Callable[[Settings], None] | None = None) -> Service:
        return Service(
            registry=self.registry,
            trainers=Catalog(),
            launcher=Launcher(self.settings, start or self.started.append),
            settings=self.settings,
            accounts=FakeAccounts(),
            archive=FakeArchive(self.registry),
            jobs=FakeJobs(),
            devices=lambda: "cpu",
            gpus=list,
            cores=lambda: 2,
            owner="me",
            now=lambda: NOW,
        )


@pytest.fixture
def asleep(tmp_path: Path) -> Asleep:
    return Asleep(tmp_path)


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    return CALLS[request.param]


def test_any_call_wakes_one_orchestrator_for_another_study_that_should_run(
    asleep: Asleep, call: Call
) -> None:
    asleep.registry.add(a_study(StudyState.RUNNING, config=a_config("interrupted")))
    with suppress(AutomlError):
        asleep.ask(call)
    assert asleep.started == [asleep.settings]


def test_any_call_wakes_one_orchestrator_for_entries_that_wait_for_the_tracker(
    asleep: Asleep, call: Call
) -> None:
    asleep.registry.waiting = Backlog(entries=1, since=NOW - 1)
    with suppress(AutomlError):
        asleep.ask(call)
    assert asleep.started == [asleep.settings]


def test_the_status_of_a_study_that_should_run_wakes_one_for_it_and_for_the_backlog(
    asleep: Asleep,
) -> None:
    asleep.registry.waiting = Backlog(entries=1, since=NOW - 1)
    asleep.registry.add(a_study(StudyState.RUNNING, config=a_config("interrupted")))
    asleep.ask(lambda service: service.status("interrupted"))
    assert asleep.started == [asleep.settings]


def test_no_call_wakes_anybody_where_nothing_waits(asleep: Asleep, call: Call) -> None:
    with suppress(AutomlError):
        asleep.ask(call)
    assert asleep.started == []


def test_no_call_wakes_a_second_orchestrator(asleep: Asleep, call: Call) -> None:
    asleep.registry.add(a_study(StudyState.RUNNING, config=a_config("running")))
    with suppress(AutomlError), FileLock(asleep.settings.orchestrator_lock):
        asleep.ask(call)
    assert asleep.started == []


@pytest.mark.parametrize("name", ["status", "list", "compare", "best"])
def test_results_are_told_also_where_no_orchestrator_can_be_started(
    asleep: Asleep, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def cannot(settings: Settings) -> None:
        raise BlockingIOError("no more processes")

    asleep.registry.add(a_study(StudyState.RUNNING, config=a_config("interrupted")))
    assert asleep.ask(CALLS[name], cannot)
    assert "no orchestrator could be started" in caplog.text
    assert "no more processes" in caplog.text


# --- a server that is asked nothing ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counter:
    """A server of that workspace, and its use cases."""

    service: Once[Service]
    server: AutomlServer

    async def is_visited(self, *, calls: bool = False) -> None:
        """A client comes and lists the tools; nobody waits for what follows from it but we."""
        with anyio.fail_after(5):
            async with Client(self.server) as client:
                if calls:
                    await client.call_tool("list_automl_studies", {})
                assert (await client.list_tools()).tools
                await rouse(self.server, self.service)


@pytest.fixture
def counter(asleep: Asleep) -> Counter:
    asleep.registry.add(a_study(StudyState.RUNNING, config=a_config("interrupted")))
    service = Once(asleep.service)
    return Counter(service, build(service))


@pytest.mark.parametrize("calls", [False, True])
async def test_a_client_that_lists_the_tools_wakes_one_orchestrator_whether_or_not_it_calls_one(
    asleep: Asleep, counter: Counter, calls: bool
) -> None:
    asleep.settings.database.touch()
    await counter.is_visited(calls=calls)
    assert asleep.started == [asleep.settings]


async def test_listing_the_tools_makes_no_workspace(asleep: Asleep, counter: Counter) -> None:
    await counter.is_visited()
    assert asleep.started == []


@pytest.fixture
def unusable() -> Counter:
    def make() -> Service:
        raise WorkspaceUnusable()

    service = Once(make)
    return Counter(service, build(service))


async def test_a_server_whose_workspace_cannot_be_used_lists_its_tools_all_the_same(
    unusable: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    await unusable.is_visited()
    assert "WorkspaceUnusable" in caplog.text
