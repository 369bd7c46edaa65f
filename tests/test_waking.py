"""Whatever is asked of a workspace, somebody is woken if anything waits there and nobody lives."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

from mcp_automl.catalog import Catalog
from mcp_automl.domain.errors import AutomlError
from mcp_automl.domain.study import StudyState, Trial, TrialState
from mcp_automl.domain.workspace import Backlog
from mcp_automl.launcher import Launcher
from mcp_automl.service import Service
from mcp_automl.settings import Settings
from tests.fakes_server import NOW, FakeAccounts, FakeRegistry, a_config, a_study

Call = Callable[[Service], object]

CALLS: dict[str, Call] = {
    "start, with nothing left to run": lambda s: s.start_study("done"),
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
        service = Service(
            registry=self.registry,
            trainers=Catalog(),
            launcher=Launcher(self.settings, start or self.started.append),
            settings=self.settings,
            accounts=FakeAccounts(),
            devices=lambda: "cpu",
            gpus=list,
            owner="me",
            now=lambda: NOW,
        )
        return call(service)


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
