"""What `make interop` makes of what a client was told; the clients themselves are not here."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.interop import __main__ as interop
from tests.interop import environments, processes
from tests.interop.environments import CLIENTS, Foreign
from tests.interop.story import ASKED, STUDY, TOOLS, TRIALS, Reply, Story

TRIAL = {"value": 0.9192, "params": {"lr": 0.00123456, "batch_size": 64, "optimizer": "sgd"}}
RUNNING = {"study": {"state": "RUNNING", "reason": ""}, "done": 1, "next_look_s": 2}
ENDED = {"study": {"state": "COMPLETE", "reason": ""}, "done": TRIALS, "next_look_s": None}


def good(structure: Mapping[str, Any], text: str = STUDY) -> Reply:
    return Reply(text=text, structure=structure, is_error=False)


class Told:
    """A client that is told what it should be, where a test does not say otherwise."""

    def __init__(self) -> None:
        self.refusal = Reply(
            text="no argument 'trials'; it takes n_trials (optional)", structure=None, is_error=True
        )
        self.statuses = [good(RUNNING), good(ENDED)]
        self.best = good(
            {"trial": TRIAL}, f"{STUDY}\n  lr=0.001235\n  batch_size=64\n  optimizer='sgd'"
        )
        self.resource: Mapping[str, Any] = TRIAL

    async def protocol(self) -> str:
        return "2026-07-28"

    async def tools(self) -> list[str]:
        return list(TOOLS)

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        match tool:
            case "start_automl_study":
                started = good({"study": {"n_trials": TRIALS}})
                return started if arguments == ASKED else self.refusal
            case "get_automl_study_status":
                return self.statuses.pop(0)
        return self.best

    async def read(self, uri: str) -> str:
        return json.dumps({"trial": self.resource} if uri.endswith("/best") else ENDED)

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        return "a study with 7 trials"


async def played(client: Told) -> dict[str, Any]:
    return await Story(client=client, wait_seconds=1).play()


async def test_a_client_that_is_told_all_has_the_best_parameters() -> None:
    told = await played(Told())

    assert told["value"] == TRIAL["value"]
    assert told["params"] == TRIAL["params"]
    assert told["calls"] == 5


async def test_what_a_client_is_not_told_ends_its_story_with_a_sentence() -> None:
    accepting, silent, lacking, vague, other, unended = (Told() for _ in range(6))
    accepting.refusal = good({})
    silent.refusal = replace(silent.refusal, text="wrong")
    lacking.best = replace(lacking.best, structure=None)
    vague.best = replace(vague.best, text=f"{STUDY}: see the structure")
    other.resource = {**TRIAL, "value": 0.5}
    unended.statuses = [good({**ENDED, "study": {"state": "FAILED", "reason": "no disk"}})]
    wrong = {
        accepting: "an unknown argument is no error",
        silent: "does not name 'trials'",
        lacking: "no structured content",
        vague: "the text says",
        other: "the resource says",
        unended: "no disk",
    }
    for client, sentence in wrong.items():
        with pytest.raises(AssertionError, match=sentence):
            await played(client)


async def test_without_npm_a_sentence_says_what_is_missing_and_the_client_has_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path)

    assert not await interop.good("inspector-modern", CLIENTS["inspector-modern"])
    assert "install Node.js 20 or newer with npm" in capsys.readouterr().out


async def test_an_environment_is_made_again_only_when_it_shall_hold_something_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path)
    made: list[list[str]] = []

    async def run(command: list[str]) -> None:
        made.append(command)
        (tmp_path / "a").mkdir(exist_ok=True)

    for requirement in ("a>=1,<2", "a>=1,<2", "a>=2,<3"):
        await Foreign(module="a", python=(requirement,)).prepare(run)

    folder = str(tmp_path / "a")
    assert [command[-1] for command in made] == [folder, "a>=1,<2", folder, "a>=2,<3"]


async def test_a_server_that_outlives_its_client_is_named_and_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "LEAVE_SECONDS", 0.0)
    environment = {**os.environ, "MCP_AUTOML_HOME": str(tmp_path)}
    with anyio.fail_after(20):
        async with await anyio.open_process(["sleep", "1000"], env=environment):
            assert "sleep 1000" in str(await processes.left_over(tmp_path))
            processes.end_all(tmp_path)

            assert processes.living(tmp_path) == []
            assert await processes.left_over(tmp_path) is None


async def test_a_command_that_takes_too_long_is_ended_with_what_it_said() -> None:
    with anyio.fail_after(20):
        late = await processes.outcome(["sh", "-c", "echo begun; sleep 1000"], 0.5)
        done = await processes.outcome(["sh", "-c", "echo wrong >&2; exit 3"], 10)

    assert late.status is None
    assert late.why.startswith("took too long:")
    assert done.why == "ended with status 3:\nwrong"
