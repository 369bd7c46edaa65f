"""The orchestrator's process: who holds a workspace, and how often it lives."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from mcp_automl import orchestrate
from mcp_automl.orchestrate import hold_workspace
from mcp_automl.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestrate, "REBIRTH_SECONDS", 0.0)
    monkeypatch.setattr(orchestrate, "LOCK_SECONDS", 0.05)


def answers(*given: bool | Exception) -> Callable[[], bool]:
    """A function that gives one answer a call and fails the test when called once more."""
    rest: Iterator[bool | Exception] = iter(given)

    def answer() -> bool:
        match next(rest):
            case Exception() as error:
                raise error
            case bool(value):
                return value

    return answer


def never() -> bool:
    raise AssertionError("must not be called")


def is_free(settings: Settings) -> bool:
    with FileLock(settings.orchestrator_lock).acquire(timeout=0):
        return True


def test_a_workspace_without_work_is_held_for_one_life_and_left_free(settings: Settings) -> None:
    hold_workspace(settings, live=answers(False), work_waits=answers(False))
    assert is_free(settings)


def test_a_held_workspace_is_left_to_its_holder(settings: Settings) -> None:
    with FileLock(settings.orchestrator_lock):
        hold_workspace(settings, live=never, work_waits=never)


def test_the_lock_is_held_during_a_life_and_free_while_looking_for_more_work(
    settings: Settings,
) -> None:
    seen: list[str] = []

    def live() -> bool:
        with pytest.raises(TimeoutError):
            is_free(settings)
        seen.append("lived")
        return False

    def work_waits() -> bool:
        assert is_free(settings)
        seen.append("looked")
        return seen.count("looked") == 1

    hold_workspace(settings, live, work_waits)
    assert seen == ["lived", "looked", "lived", "looked"]


def test_work_that_arrives_while_leaving_is_left_to_whoever_took_the_lock_meanwhile(
    settings: Settings,
) -> None:
    other = FileLock(settings.orchestrator_lock)

    def work_waits() -> bool:
        other.acquire()
        return True

    hold_workspace(settings, live=answers(False), work_waits=work_waits)
    other.release()


def test_a_successor_waits_for_the_workspace_as_long_as_it_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = FileLock(settings.orchestrator_lock)
    holder.acquire()

    class LeavesWhenWaitedFor(FileLock):
        """The successor's lock: once it has been tried in vain, the holder leaves."""

        def _acquire(self) -> None:
            super()._acquire()
            if not self.is_locked:
                holder.release()

    monkeypatch.setattr(orchestrate, "FileLock", LeavesWhenWaitedFor)
    # Whoever is not told to wait would not try a second time.
    monkeypatch.setattr(orchestrate, "LOCK_SECONDS", 0.0)
    lived = iter([False])
    hold_workspace(settings, live=lambda: next(lived), work_waits=answers(False), wait=10.0)
    assert next(lived, None) is None
    assert not holder.is_locked


def test_one_that_was_asked_to_leave_does_not_look_for_more_work(settings: Settings) -> None:
    hold_workspace(settings, live=answers(True), work_waits=never)
    assert is_free(settings)


def test_an_unexpected_error_ends_one_life_and_the_next_one_goes_on(settings: Settings) -> None:
    live = answers(OSError("disk full"), OSError("disk full"), False)
    hold_workspace(settings, live, work_waits=answers(False))


def test_after_five_failed_lives_in_a_row_the_error_is_raised_and_the_workspace_free(
    settings: Settings,
) -> None:
    live = answers(*[OSError(f"error {life}") for life in range(1, 6)])
    with pytest.raises(OSError, match="error 5"):
        hold_workspace(settings, live, work_waits=never)
    assert is_free(settings)
