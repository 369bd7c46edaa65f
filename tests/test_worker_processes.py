"""What the executor holds of its processes, when they do not die or take no order."""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pipe, get_context
from typing import cast

import anyio
import pytest
from anyio import fail_after, from_thread, to_thread

from mcp_automl.domain.jobs import ProcessRef
from mcp_automl.executors import child as module
from mcp_automl.executors.child import Child, Context, Started, start_process
from mcp_automl.executors.standby import Standby
from mcp_automl.worker.wire import Message

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class FakeProcess:
    """A process as multiprocessing has it, which is gone once it is told to be."""

    pid: int = 0
    code: int | None = -9
    on_look: Callable[[], None] = lambda: None
    _pipe: tuple[int, int] = field(default_factory=os.pipe)

    @property
    def sentinel(self) -> int:
        return self._pipe[0]

    @property
    def exitcode(self) -> int | None:
        self.on_look()
        return self.code

    def ends(self) -> None:
        os.write(self._pipe[1], b"x")

    def close(self) -> None:
        if self.code is None:
            raise ValueError("Cannot close a process while it is still running.")
        for end in self._pipe:
            os.close(end)


def held(process: FakeProcess, pidfd: int | None) -> Started:
    ours, theirs = socket.socketpair()
    theirs.close()
    (_, orders), (_, life) = Pipe(duplex=False), Pipe(duplex=False)
    return Started(
        ref=ProcessRef(pid=process.pid, started=0.0),
        process=process,  # type: ignore[arg-type]
        socket=ours,
        orders=orders,
        life=life,
        pidfd=pidfd,
    )


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.fixture
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "signal_group", lambda pid, by: None)
    monkeypatch.setattr(module, "sweep_group", lambda pid: None)


@pytest.mark.usefixtures("no_signals")
async def test_a_process_that_does_not_die_costs_the_next_one_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KILL_SECONDS", 0.01)
    stuck, (stuck_end, stuck_dies) = FakeProcess(), os.pipe()
    immortal = Child(held(stuck, stuck_end))
    with fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(immortal.supervise, 1.0)
            await anyio.wait_all_tasks_blocked()
            await immortal.end()
            other, (other_end, other_dies) = FakeProcess(), os.pipe()
            following = Child(held(other, other_end))
            tasks.start_soon(following.supervise, 1.0)
            for process, dies in ((other, other_dies), (stuck, stuck_dies)):
                os.write(dies, b"x")
                process.ends()
            codes = [await following.exit_code(), await immortal.exit_code()]
            await following.end()
    for dies in (stuck_dies, other_dies):
        os.close(dies)

    assert codes == [-9, -9]
    assert [is_open(stuck_end), is_open(other_end)] == [False, False]


@pytest.mark.usefixtures("no_signals")
@pytest.mark.parametrize("dies", [True, False])
async def test_a_process_that_has_closed_its_descriptors_is_killed_before_it_counts_as_gone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dies: bool
) -> None:
    process, was_gone = FakeProcess(code=None), list[bool]()
    child = Child(held(process, pidfd=None))

    def kill(ref: ProcessRef) -> bool:
        was_gone.append(child.gone.is_set())
        process.code = -9 if dies else None
        return True

    monkeypatch.setattr(module, "kill_leftover", kill)
    process.ends()
    with fail_after(10):
        await child.supervise(1.0)
        code = await child.exit_code()
        await child.end()

    assert (was_gone, code) == ([False], process.code)
    assert ("does not die" in caplog.text) is not dies


@pytest.mark.usefixtures("no_signals")
async def test_an_exit_code_is_not_read_while_starting_a_process_looks_for_it_too() -> None:
    begun, looked = threading.Event(), threading.Event()

    class Starting(FakeProcess):
        meanwhile: bool | None = None

        def start(self) -> None:
            self.pid = os.getpid()
            begun.set()
            Starting.meanwhile = looked.wait(0.2)

    class FakeContext:
        Pipe = staticmethod(Pipe)

        def Process(self, **_: object) -> Starting:
            return Starting()

    async def start() -> None:
        started = await to_thread.run_sync(start_process, cast("Context", FakeContext()))
        started.close()
        started.process.close()

    ended, (end, dies) = FakeProcess(on_look=looked.set), os.pipe()
    child = Child(held(ended, end))
    with fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start)
            await to_thread.run_sync(begun.wait)
            os.write(dies, b"x")
            ended.ends()
            await child.supervise(1.0)
            await child.end()
    os.close(dies)

    assert looked.is_set()
    assert Starting.meanwhile is False


async def test_an_order_that_fails_leaves_as_many_processes_waiting_as_before() -> None:
    replaced, started = anyio.Event(), list[Started]()

    def start() -> Started:
        started.append(start_process(get_context("forkserver")))
        if len(started) == 2:
            from_thread.run_sync(replaced.set)
        return started[-1]

    def cannot_be_sent(wire: object) -> Message:
        raise AssertionError

    standby = Standby(start, most=1, grace=1.0)
    with fail_after(60):
        async with anyio.create_task_group() as tasks:
            standby.begin(tasks)
            await standby.fill()
            with pytest.raises((AttributeError, TypeError)):
                await standby.ordered(partial(cannot_be_sent))
            await replaced.wait()
            tasks.cancel_scope.cancel()
        await standby.end()

    assert len(started) == 2
