"""What every foreign client does, and what it must be told on the way.

Runs in the client's own environment: it imports the standard library, and anyio, of which MCP
clients are made.
"""

import json
import math
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

STUDY = "interop"
TRIALS = 3
ASKED = {"study_name": STUDY, "model_type": "mnist", "n_trials": TRIALS, "epochs_max": 1}
TOOLS = (
    "start_automl_study",
    "get_automl_study_status",
    "list_automl_studies",
    "compare_automl_trials",
    "get_automl_best_params",
)
PLAY_SECONDS = 300.0
"""A client that starts a server for every call needs a minute of them on two busy cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What starts the server under test."""

    command: str
    args: list[str]
    env: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A tool's answer, as the client hands it on."""

    text: str
    structure: Mapping[str, Any] | None
    """None where the client does not hand it on."""
    is_error: bool


class Client(Protocol):
    """What the story needs of a client, in whose words soever."""

    async def protocol(self) -> str:
        """The version that was negotiated."""
        ...

    async def tools(self) -> list[str]:
        """The names of all tools; asked for before any is called."""
        ...

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply: ...

    async def read(self, uri: str) -> str: ...

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> str: ...


Connect = Callable[[Server], AbstractAsyncContextManager[Client]]


@dataclass(slots=True, kw_only=True)
class Story:
    """One client's story. What is not as it must be raises AssertionError with a sentence.

    Args:
        wait_seconds: how long a call for the status may wait; less than the client gives a call.
    """

    client: Client
    wait_seconds: int
    calls: int = 0

    async def play(self) -> dict[str, Any]:
        """From the first word to the best parameters; returns what the runner shows."""
        begun = time.monotonic()
        protocol = await self.client.protocol()
        tools = await self.client.tools()
        assert set(TOOLS) <= set(tools), f"of the tools it lists {tools} alone"
        await self._start()
        await self._is_refused()
        await self._follow()
        best = await self._best()
        await self._read(best)
        asked = await self.client.prompt("quick_optimization", {"trials": "7"})
        assert "with 7 trials" in asked, f"the prompt says {asked!r}"
        seconds = round(time.monotonic() - begun, 1)
        return {"protocol": protocol, "seconds": seconds, "calls": self.calls, **best}

    async def _start(self) -> None:
        started = await self._call("start_automl_study", **ASKED)
        assert started["study"]["n_trials"] == TRIALS, f"the start says {started}"

    async def _is_refused(self) -> None:
        """A call that cannot be made says what would be right, and does nothing."""
        self.calls += 1
        wrong = await self.client.call("start_automl_study", {"study_name": STUDY, "trials": 9})
        assert wrong.is_error, f"an unknown argument is no error: {wrong.text}"
        for word in ("'trials'", "n_trials (optional)"):
            assert word in wrong.text, f"the refusal does not name {word}: {wrong.text}"

    async def _follow(self) -> None:
        """Until nothing will change any more; each call waits for news by itself."""
        waiting = {"study_name": STUDY, "wait_seconds": self.wait_seconds}
        status = await self._call("get_automl_study_status", **waiting)
        while status["next_look_s"] is not None:
            status = await self._call("get_automl_study_status", **waiting)
        study = status["study"]
        ended = (study["state"], status["done"])
        assert ended == ("COMPLETE", TRIALS), f"it ended as {ended}: {study['reason']}"

    async def _best(self) -> dict[str, Any]:
        best = await self._call("get_automl_best_params", study_name=STUDY)
        trial = best["trial"]
        assert math.isfinite(trial["value"]), f"the best value is {trial['value']}"
        assert trial["params"], "the best trial has no parameters"
        return {key: trial[key] for key in ("value", "params")}

    async def _read(self, best: Mapping[str, Any]) -> None:
        """The resources say what the tools say."""
        status = json.loads(await self.client.read(f"automl://studies/{STUDY}"))
        assert status["study"]["state"] == "COMPLETE", f"the resource says {status['study']}"
        read = json.loads(await self.client.read(f"automl://studies/{STUDY}/best"))["trial"]
        assert {key: read[key] for key in best} == best, f"the resource says {read}"

    async def _call(self, tool: str, **arguments: Any) -> Mapping[str, Any]:
        """An answer's structure, whose gist must be in its text too: some show the text alone."""
        self.calls += 1
        reply = await self.client.call(tool, arguments)
        assert not reply.is_error, f"{tool} was refused: {reply.text}"
        assert STUDY in reply.text, f"the text of {tool} stands for nothing: {reply.text!r}"
        assert reply.structure is not None, f"{tool} has no structured content here"
        if tool == "get_automl_best_params":
            _agrees(reply.text, reply.structure["trial"]["params"])
        return reply.structure


def _agrees(text: str, params: Mapping[str, Any]) -> None:
    """The text has every parameter; numbers are rounded there."""
    said = dict(re.findall(r"^ +(\w+)=(\S+)$", text, re.MULTILINE))
    assert said.keys() == params.keys(), f"of {params} the text says {said}"
    for name, value in params.items():
        if isinstance(value, str):
            assert json.loads(said[name].replace("'", '"')) == value, said
        else:
            assert math.isclose(float(said[name]), value, rel_tol=1e-3), f"{name}: {said}"


def tell(connect: Connect, wait_seconds: int) -> None:
    """Plays the story against the server of the command line, and prints what came of it."""
    server = Server(**json.loads(sys.argv[1]))
    told = anyio.run(_play, connect, server, wait_seconds)
    sys.stdout.write(f"{json.dumps(told)}\n")


async def _play(connect: Connect, server: Server, wait_seconds: int) -> dict[str, Any]:
    with anyio.fail_after(PLAY_SECONDS):
        async with connect(server) as client:
            return await Story(client=client, wait_seconds=wait_seconds).play()
