"""A storm: studies of twelve real trainings while their processes are killed, again and again.

    python -m tests.storm 100 [seed]        (or: make storm N=100)

Theory of operation
-------------------
A seed makes a list of kills: whose (a fifth each: server, orchestrator, worker, all at once, and
one of these four again by lot) and when (every second one inside ask, report, tell, a checkpoint or
a ledger write, see `doomed.py`; the others at a moment by lot). After each kill the user goes on: a
new server, a status call. A study that is over before its kills are leaves the rest to the next.

A trial is FAIL after three attempts in a row without a new epoch. That is the product's rule and no
loss, but twelve trials would then no longer be #0 to #11; so no kill is begun while a trial has two
such attempts behind it. It first gets its epoch.
"""

import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import psutil
from mcp import Client

from mcp_automl.trackers.connection import connect
from tests import doomed, storm_checks
from tests.workspace_for_tests import DoomedWorkspace, structure_of, text_of

NAME = "storm"
TRIALS = 12
LOOK_SECONDS = 0.05
KILL_SECONDS = 60.0
"""How long a kill may take to find its moment, a new orchestrator's start included."""
MAX_DELAY = 1.0
MOMENTS = 8
BARREN = 2

VICTIMS = ("serve", "orchestrate", "worker", "all")
SITES = ("ask", "report", "tell", "checkpoint", "ledger")


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: of whom, and inside what (nothing: `delay` seconds after a training was seen)."""

    number: int
    victims: str
    site: str
    moment: int
    delay: float

    def order(self) -> doomed.Order:
        """As the process that comes to the site is told it."""
        striker = doomed.WORKER if self.site == "checkpoint" else "orchestrate"
        if (self.victims, self.site) == ("serve", "ledger"):
            striker = "serve"
        own = self.victims == striker
        return doomed.Order(
            id=self.number,
            site=self.site,
            moment=self.moment,
            role=striker,
            victims="self" if own else self.victims,
        )


def plan(n: int, seed: int) -> list[Kill]:
    """The storm's kills: the same ones for the same seed."""
    lot = random.Random(seed)
    victims = [VICTIMS[i % 5] if i % 5 < 4 else lot.choice(VICTIMS) for i in range(n)]
    # Sites go round by whole fives, so that each victim is met in each of them.
    sites = [SITES[(i // 2) % 5] if i % 2 == 0 else "" for i in range(n)]
    lot.shuffle(victims)
    return [
        Kill(i + 1, victims[i], sites[i], lot.randint(1, MOMENTS), lot.uniform(0, MAX_DELAY))
        for i in range(n)
    ]


@dataclass(slots=True)
class Storm:
    """One study, and the kills that came while it ran."""

    workspace: DoomedWorkspace
    epochs_max: int
    survived: list[Kill] = field(default_factory=list)
    goes_on: bool = field(default=True, init=False)

    async def rage(self, kills: list[Kill]) -> None:
        """Runs the study to its end under these kills; takes from the list those that struck."""
        await self._call("start_automl_study", n_trials=TRIALS, epochs_max=self.epochs_max)
        while kills and self.goes_on:
            with anyio.fail_after(KILL_SECONDS), expected(Hit(self, kills[0])):
                async with self.workspace.server() as client:
                    if await self._until_fair(client):
                        await self._kill(kills[0], client)
            self.workspace.withdraw()
            if self.struck(kills[0]):
                self.survived.append(kills.pop(0))
        await self._end()

    async def _end(self) -> None:
        await self.workspace.until_ended(NAME)
        await self.workspace.until_alone()
        # Who is interested in the study sees to it that MLflow hears of its end, too.
        await self._call("get_automl_study_status")
        await self.workspace.until_alone()

    async def _call(self, tool: str, **arguments: object) -> None:
        result = await self.workspace.call(tool, study_name=NAME, **arguments)
        assert not result.is_error, text_of(result)

    async def _status(self, client: Client) -> bool:
        """Looks, as a user does; False once the study is over."""
        result = await client.call_tool("get_automl_study_status", {"study_name": NAME})
        assert not result.is_error, text_of(result)
        self.goes_on = structure_of(result)["next_look_s"] is not None
        await anyio.sleep(LOOK_SECONDS)
        return self.goes_on

    async def _until_fair(self, client: Client) -> bool:
        """Waits until no trial would be FAIL for one more kill; False if the study ends first."""
        while await self._status(client):
            attempts = storm_checks.attempts(self.workspace)
            if max(storm_checks.barren(attempts).values(), default=0) < BARREN:
                return True
        return False

    async def _kill(self, kill: Kill, client: Client) -> None:
        if kill.site:
            await self._kill_inside(kill, client)
        else:
            await self._kill_at_random(kill, client)

    async def _kill_inside(self, kill: Kill, client: Client) -> None:
        order = kill.order()
        self.workspace.order(order)
        if order["role"] == "serve":
            # A server writes when it is asked to change something: a budget that changes nothing.
            arguments = {"study_name": NAME, "cost_budget_usd": 1000.0 + kill.number}
            await client.call_tool("start_automl_study", arguments)
        while await self._status(client) and not self.struck(kill):
            pass

    async def _kill_at_random(self, kill: Kill, client: Client) -> None:
        while await self._status(client):
            if self.workspace.processes("orchestrate") and self.workspace.workers():
                break
        await anyio.sleep(kill.delay)
        victims = self.workspace.processes(kill.victims)
        living = victims[:1] if kill.victims == doomed.WORKER else victims
        if living and self.workspace.processes(doomed.WORKER):
            (self.workspace.doom / f"struck-{kill.number}").touch()
        # The servers are our children, and whoever started them waits for them.
        others = [it for it in living if it not in self.workspace.processes("serve")]
        for process in living:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(others, timeout=5)

    def struck(self, kill: Kill) -> bool:
        return self.workspace.struck(kill.number)


@dataclass(frozen=True, slots=True)
class Hit:
    """Whether a kill has struck the server that was being talked to."""

    storm: Storm
    kill: Kill

    def __bool__(self) -> bool:
        return self.kill.victims in ("serve", "all") and self.storm.struck(self.kill)


@contextmanager
def expected(hit: Hit) -> Iterator[None]:
    """A server that was killed may answer with anything; nobody else may raise."""
    try:
        yield
    except Exception:
        if not hit:
            raise


async def storms(n: int, seed: int, folder: Path, mlflow: Path, epochs_max: int = 60) -> int:
    """Lets `n` kills strike, in as many studies as that takes; returns what was lost."""
    kills, lost, studies = plan(n, seed), 0, 0
    survived: list[Kill] = []
    while kills:
        studies += 1
        workspace = DoomedWorkspace(folder / str(studies), mlflow=mlflow)
        storm = Storm(workspace, epochs_max)
        await storm.rage(kills)
        found = storm_checks.lost(workspace, NAME, TRIALS)
        lost += len(found)
        survived += storm.survived
        say(f"study {studies}: {len(storm.survived)} kills, {len(kills)} to come")
        for loss in found:
            say(f"  LOST: {loss} (see {workspace.home})")
    say(f"{len(survived)} kills survived in {studies} studies of {TRIALS} trials; lost: {lost}")
    say(f"victims: {dict(Counter(kill.victims for kill in survived))}")
    say(f"inside:  {dict(Counter(kill.site or 'anywhere' for kill in survived))}")
    return lost


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """The large storm."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    say(f"a storm of {n} kills; again: make storm N={n} SEED={seed}; in {folder}")
    began = time.monotonic()
    connect(f"sqlite:///{folder / 'mlflow.db'}")
    lost = anyio.run(storms, n, seed, folder, folder / "mlflow.db")
    say(f"{time.monotonic() - began:.0f} s")
    if lost:
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
