"""What a tool call does about its workspace's orchestrator, and what it says of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from filelock import FileLock

from mcp_automl import __version__
from mcp_automl.domain.outlook import Progress
from mcp_automl.domain.study import StudyState, TrialState
from mcp_automl.domain.workspace import Backlog, OrchestratorSign
from mcp_automl.launcher import Launcher
from mcp_automl.liveness import Liveness, is_newer
from mcp_automl.settings import Settings
from tests.fakes_server import NOW, FakeRegistry, a_service, a_study

SIGN = OrchestratorSign(
    host="h", pid=1, version="1.9", started_at=NOW - 99, alive_at=NOW - 1, settings={}
)
STUDY = a_study(StudyState.RUNNING)


@dataclass(slots=True)
class Home:
    """A workspace, and which orchestrators were started to follow another one."""

    settings: Settings
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    successors: list[Settings] = field(default_factory=list)

    def liveness(self, version: str = "1.9") -> Liveness:
        return Liveness(
            registry=self.registry,
            launcher=Launcher(self.settings, lambda _: None, self.successors.append),
            settings=self.settings,
            version=version,
            now=lambda: NOW,
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(Settings(home=tmp_path))
    home.registry.sign = SIGN
    return home


@pytest.fixture
def alive(home: Home) -> Iterator[None]:
    with FileLock(home.settings.orchestrator_lock):
        yield


@pytest.mark.usefixtures("alive")
def test_a_newer_server_asks_an_older_orchestrator_to_make_way_once(home: Home) -> None:
    (note,) = home.liveness("1.10").ensure(STUDY)
    home.liveness("1.10").ensure(STUDY)

    assert "mcp-automl 1.9 makes way for one of 1.10" in note
    assert home.registry.leave_for == "1.10"
    assert home.successors == [home.settings]


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("version", ["1.9", "1.8", "1.9rc1", "no version"])
def test_a_server_that_is_not_newer_never_asks(home: Home, version: str) -> None:
    assert home.liveness(version).ensure(STUDY) == ()
    assert (home.registry.leave_for, home.successors) == ("", [])


@pytest.mark.usefixtures("alive")
def test_a_silent_orchestrator_is_not_asked_for_its_row_may_be_a_dead_ones(home: Home) -> None:
    home.registry.sign = replace(SIGN, alive_at=NOW - 20)

    (note,) = home.liveness("2.0").ensure(STUDY)

    assert "no sign of life for 20 s" in note
    assert home.registry.leave_for == ""


def test_a_dead_orchestrator_is_replaced_without_asking(home: Home) -> None:
    (note,) = home.liveness("2.0").ensure(STUDY)

    assert "what ran was interrupted" in note
    assert "has been started again" in note
    assert (home.registry.leave_for, home.successors) == ("", [])


def progressed(*, running: int = 0, interrupted: int = 0) -> Progress:
    counts = {TrialState.RUNNING: running, TrialState.WAITING: interrupted}
    return Progress(counts=counts, cost_usd=0.0, finished_seconds=(), interrupted=interrupted)


@pytest.mark.parametrize(
    ("running", "interrupted", "age", "told"),
    [(0, 1, 4, True), (1, 1, 4, False), (0, 0, 4, False), (0, 1, 20, False), (0, 1, 95, False)],
)
def test_a_study_that_waits_for_a_new_orchestrator_to_be_ready_says_so(
    home: Home, running: int, interrupted: int, age: float, told: bool
) -> None:
    home.registry.sign = replace(SIGN, started_at=NOW - age)
    progress = progressed(running=running, interrupted=interrupted)
    note = (
        "a new orchestrator took over 4 s ago; what was interrupted goes on from its last "
        "checkpoint as soon as it is ready"
    )
    assert home.liveness().takeover(STUDY, progress) == ((note,) if told else ())


@pytest.mark.usefixtures("alive")
def test_the_status_of_such_a_study_has_that_note(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.registry.sign = replace(SIGN, version=__version__, started_at=NOW - 4)
    home.registry.add(STUDY)
    monkeypatch.setattr(home.registry, "progress", lambda _: progressed(interrupted=1))
    service = a_service(home.registry, home.settings.workspace)
    (note,) = service.status(STUDY.config.name).notes
    assert note.startswith("a new orchestrator took over 4 s ago")


def test_versions_are_compared_as_versions() -> None:
    assert is_newer("1.10.0", "1.9.3")
    assert is_newer("2.0", "2.0rc1")
    assert not is_newer("1.0", "1.0.0")
    assert not is_newer("2.0", "unknown")


def test_entries_that_wait_for_a_moment_are_not_worth_a_word(home: Home) -> None:
    home.registry.waiting = Backlog(entries=12, since=NOW - 3)

    assert home.liveness().tracking() == ()


def test_entries_that_wait_for_long_are_counted_with_the_reason(home: Home) -> None:
    home.registry.waiting = Backlog(entries=12, since=NOW - 60)
    home.registry.sign = replace(SIGN, tracking="connection refused")

    assert home.liveness().tracking() == (
        "12 entries wait on disk for MLflow and will be sent in order: connection refused",
    )
