"""Waiting for a study through its status: early news, progress, and running out of time."""

import sqlite3
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.types import TextContent

from mcp_automl.answers import RunningTrial, StudyStatus
from mcp_automl.domain.study import Measurement, Study, StudyState, TrialState
from mcp_automl.server import waiting
from tests.clocks_for_tests import Clock
from tests.fakes_server import FakeRegistry, a_config, a_service, a_status, a_study, a_trial

pytestmark = pytest.mark.anyio
NAME = "mnist-opt-20260104"


def going(registry: FakeRegistry, *, done: int) -> None:
    trials = [a_trial(n, 0.9) for n in range(done)]
    running = replace(a_trial(done, 0.5), state=TrialState.RUNNING)
    registry.add(a_study(StudyState.RUNNING, config=a_config(NAME)), [*trials, running])


async def told(client: Client, **arguments: object) -> tuple[str, list[str]]:
    """What a status says, and the progress on the way."""
    heard: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(f"{progress:g}/{total:g} {message}")

    with anyio.fail_after(10):
        result = await client.call_tool(
            "get_automl_study_status", {"study_name": NAME, **arguments}, progress_callback=hear
        )
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text, heard


async def test_waiting_ends_as_soon_as_a_trial_does_and_tells_how_far_it_is(
    client: Client, registry: FakeRegistry
) -> None:
    going(registry, done=1)
    looks: list[int] = []

    def write() -> None:
        looks.append(1)
        if len(looks) == 3:
            going(registry, done=2)

    registry.write_more = write
    text, heard = await told(client, wait_seconds=45)
    assert "Trials: 2 of 10 done" in text
    assert heard == ["1/10 1 of 10 trials done, 1 running"], "and nothing twice"


async def test_running_out_of_time_is_an_answer_like_any_other(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_SECONDS", 0.2)
    going(registry, done=1)
    text, _ = await told(client, wait_seconds=1e9)
    assert "Trials: 1 of 10 done" in text
    assert f'Next: get_automl_study_status(study_name="{NAME}", wait_seconds=45)' in text


async def test_a_wait_that_is_too_long_is_said_to_be_cut(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(a_study(config=a_config(NAME)), [a_trial(0, 0.9)])
    text, _ = await told(client, wait_seconds=100)
    assert "Note: wait_seconds=100 was cut to 45, the longest wait there is" in text
    text, _ = await told(client, wait_seconds=45)
    assert "was cut" not in text


def running(epoch: int, of: int = 3) -> RunningTrial:
    trial = replace(a_trial(epoch), state=TrialState.RUNNING, params={"epochs": of})
    last = Measurement(epoch=epoch, metrics={}, seconds=1.0) if epoch else None
    return RunningTrial(trial=trial, last=last)


@pytest.mark.parametrize(
    ("epochs", "number"), [([], 1), ([0, 0], 1), ([2, 2, 2], 1.67), ([3, 3], 1.99), ([1, 0], 1.33)]
)
def test_progress_is_as_many_whole_trials_as_its_words_say(
    epochs: list[int], number: float
) -> None:
    study = a_study(StudyState.RUNNING, config=a_config(NAME))
    status = a_status(
        study, {TrialState.COMPLETE: 1}, running=tuple(running(epoch) for epoch in epochs)
    )
    reached, total, words = waiting.progress(status)
    assert (reached, total) == (number, 10)
    assert words.startswith(f"{int(reached)} of 10 trials done")


def test_progress_grows_with_epochs_and_ends_and_does_not_fall_where_a_trial_begins() -> None:
    study = a_study(StudyState.RUNNING, config=a_config(NAME))
    # How many have ended, and the epoch of each that runs.
    seen = [(0, [0]), (0, [1]), (0, [1, 0]), (0, [2, 0, 0]), (0, [2, 1, 0]), (1, [1, 0]), (1, [1, 0, 0]), (2, [0, 0])]  # fmt: skip # noqa: E501
    numbers = [
        waiting.progress(
            a_status(study, {TrialState.COMPLETE: done}, running=tuple(map(running, epochs)))
        )[0]
        for done, epochs in seen
    ]
    assert numbers == sorted(numbers) and numbers[1] > numbers[0], numbers


async def test_who_waits_looks_a_few_times_a_second_however_often_something_is_written(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going(registry, done=1)
    clock, looked = Clock(monkeypatch), list[float]()

    async def tell(status: StudyStatus) -> None:
        looked.append(clock.now)
        if len(looked) == 5:
            going(registry, done=2)

    with anyio.fail_after(10):
        await waiting.for_news(lambda: a_service(registry, tmp_path), NAME, 45, tell)
    gaps = [later - earlier for earlier, later in pairwise(looked)]
    assert len(gaps) == 4 and all(0.1 <= gap <= 1 for gap in gaps), gaps


async def test_nobody_waits_for_a_study_that_has_ended(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(a_study(config=a_config(NAME)), [a_trial(0, 0.9)])
    text, heard = await told(client, wait_seconds=45)
    assert text.startswith("[OK] AutoML Study Complete") and heard == []


async def test_waiting_for_a_study_that_is_not_there_is_refused_at_once(client: Client) -> None:
    text, _ = await told(client, wait_seconds=45)
    assert "there is no study named" in text


@pytest.mark.parametrize("wait", ["nan", "-inf", "Infinity", "-1", " -0.5"])
async def test_a_wait_that_is_no_number_is_refused(
    client: Client, registry: FakeRegistry, wait: str
) -> None:
    going(registry, done=1)
    text, _ = await told(client, wait_seconds=wait)
    assert f"wait_seconds must be a number from 0 such as 45, or left out, not '{wait}'" in text


async def test_a_workspace_that_fails_while_it_is_waited_for_is_said_as_without_waiting(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(registry, "find", find)
    text, _ = await told(client, wait_seconds=45)
    assert text.startswith("get_automl_study_status failed unexpectedly")


async def test_a_read_that_takes_long_does_not_make_the_wait_longer(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_SECONDS", 0.05)
    going(registry, done=1)
    answered, released, find = threading.Event(), [], registry.find

    def slow_at_first(name: str) -> Study | None:
        monkeypatch.setattr(registry, "find", find)
        released.append(answered.wait(5))
        return find(name)

    monkeypatch.setattr(registry, "find", slow_at_first)
    text, _ = await told(client, wait_seconds=45)
    assert "Trials: 1 of 10 done" in text and released == []
    answered.set()


async def test_a_wait_is_no_longer_than_was_asked_for(
    client: Client, registry: FakeRegistry
) -> None:
    going(registry, done=1)
    # In less than the ten seconds that `told` has; the most that may be asked for is 45.
    text, _ = await told(client, wait_seconds=0.05)
    assert "Trials: 1 of 10 done" in text
