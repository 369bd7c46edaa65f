"""How a worker dies with its orchestrator, and how it shows that it lives.

A worker reads one end of a *life pipe* into which nothing is ever written. Its orchestrator alone
holds the other end, so end-of-file means that the orchestrator is gone, however it died. Then the
worker's whole process group is killed at once, data loaders included.

A parent-death signal would not do: it fires when the *thread* that started the child ends, and the
parent of a worker is the forkserver.
"""

import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from mcp_automl.worker.wire import Heartbeat, Wire


def lead_group_that_dies_with(life: int) -> None:
    """Makes this process the leader of a session, killed with all its group at `life`'s end.

    Args:
        life: the descriptor of the life pipe's reading end.
    """
    os.setsid()
    if sys.platform == "linux":
        _kill_by_kernel_at_end(life)
    threading.Thread(target=_kill_at_end, args=(life,), name="life", daemon=True).start()


def _kill_by_kernel_at_end(life: int) -> None:
    # The thread below cannot run while C code keeps the interpreter to itself. A pipe that has
    # O_ASYNC set sends its signal without asking anybody.
    fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)


def _kill_at_end(life: int) -> NoReturn:
    # Also for the end that came before O_ASYNC was set.
    os.read(life, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)
    raise AssertionError("survived SIGKILL")


def start_heartbeat(wire: Wire, seconds: float, look_after: Callable[[], object]) -> None:
    """Sends a heartbeat every so many seconds from a thread until the process ends.

    Args:
        look_after: what else is to be done from time to time.
    """
    arguments = (wire, seconds, look_after)
    threading.Thread(target=_beat, args=arguments, name="heartbeat", daemon=True).start()


def _beat(wire: Wire, seconds: float, look_after: Callable[[], object]) -> None:
    pause = threading.Event()
    while not pause.wait(seconds):
        try:
            wire.send(Heartbeat(cpu_seconds=cpu_seconds()))
        except OSError:
            # Nobody listens any more: the life pipe says the rest.
            return
        with contextlib.suppress(OSError):
            look_after()


def cpu_seconds() -> float:
    """Processor time of this process and its descendants so far.

    Those that still run can be seen on Linux only; elsewhere they count once they are waited for.
    """
    used = os.times()
    own = used.user + used.system + used.children_user + used.children_system
    return own + sum(_cpu_seconds(child) for child in _descendants("self"))


def _descendants(pid: str) -> Iterator[str]:
    for listed in Path("/proc", pid, "task").glob("*/children"):
        for child in _read(listed).split():
            yield child
            yield from _descendants(child)


def _cpu_seconds(pid: str) -> float:
    # The second field is the command in parentheses, and may hold anything.
    fields = _read(Path("/proc", pid, "stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # The process has ended meanwhile.
        return ""
