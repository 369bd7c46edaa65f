"""Whether an orchestrator lives is what the operating system says about its lock."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from mcp_automl.launcher import SETTLE_SECONDS, Launcher, Life, last_line
from mcp_automl.settings import Settings

HOLD_LOCK = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_an_orchestrator_is_started_where_none_lives(settings: Settings) -> None:
    started: list[Settings] = []
    assert Launcher(settings, started.append).ensure() is Life.STARTED
    assert started == [settings]


def test_no_second_orchestrator_is_started_beside_a_living_one(settings: Settings) -> None:
    started: list[Settings] = []
    with FileLock(settings.orchestrator_lock):
        assert Launcher(settings, started.append).ensure() is Life.ALIVE
    assert started == []


@dataclass(slots=True)
class Starting:
    """A workspace whose orchestrators take their time, and how many were started."""

    settings: Settings
    now: float = 100.0
    started: int = 0

    def launcher(self) -> Launcher:
        return Launcher(self.settings, self._start, now=lambda: self.now)

    def _start(self, _settings: Settings) -> None:
        self.started += 1


def test_reads_start_no_second_orchestrator_while_the_first_one_starts(settings: Settings) -> None:
    starting = Starting(settings)
    launcher = starting.launcher()
    for _ in range(9):
        assert launcher.ensure() is Life.STARTED
    assert starting.started == 1
    starting.now += SETTLE_SECONDS
    launcher.ensure()
    assert starting.started == 2, "the first one died before it lived"


def test_an_intention_starts_one_all_the_same_for_another_may_be_about_to_leave(
    settings: Settings,
) -> None:
    starting = Starting(settings)
    launcher = starting.launcher()
    launcher.ensure()
    launcher.ensure(asked_now=True)
    assert starting.started == 2


def test_one_that_lived_and_died_is_followed_at_once(settings: Settings) -> None:
    starting = Starting(settings)
    launcher = starting.launcher()
    launcher.ensure()
    with FileLock(settings.orchestrator_lock):
        assert launcher.ensure() is Life.ALIVE
    launcher.ensure()
    assert starting.started == 2


def test_one_that_could_not_be_started_is_not_waited_for(settings: Settings) -> None:
    asked: list[Settings] = []

    def cannot(settings: Settings) -> None:
        asked.append(settings)
        raise BlockingIOError("no more processes")

    launcher = Launcher(settings, cannot, now=lambda: 100.0)
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            launcher.ensure()
    assert len(asked) == 2


def test_a_holder_that_was_killed_counts_as_dead_at_once(settings: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(settings.orchestrator_lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None and holder.stdout is not None
    with holder, holder.stdin, holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        launcher = Launcher(settings)
        assert launcher.is_alive()
        holder.kill()
        holder.wait(timeout=10)
        assert not launcher.is_alive()


def test_the_last_line_of_a_log_is_bounded_and_never_blank(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_line(log) == ""
    log.write_text("first\n" + "x" * 2000 + "\n\n  \n")
    assert last_line(log) == "x" * 500


def test_the_last_line_of_a_log_is_not_a_forkservers_whose_orchestrator_was_killed(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    frames = 'Traceback (most recent call last):\n  File "forkserver.py", line 258, in main\n'
    log.write_text(f"study a: taken up\n{frames}    raise EOFError\nEOFError\n")
    assert last_line(log) == "study a: taken up"
    log.write_text(f"{frames}ImportError: no torch\n")
    assert last_line(log) == "ImportError: no torch"


def test_an_orchestrator_gets_the_settings_that_the_starting_process_had(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, max_parallel_trials=2, cpu_usd_per_core_hour=0.125)
    environment = settings.as_environment()
    assert all(isinstance(value, str) for value in environment.values())
    old = dict(os.environ)
    try:
        os.environ.update(environment)
        assert Settings().as_environment() == environment
    finally:
        os.environ.clear()
        os.environ.update(old)
