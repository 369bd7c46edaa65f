"""How a worker dies with its orchestrator, and how it shows that it lives.

A worker reads one end of a *life pipe* into which nothing is ever written. Its orchestrator alone
holds the other end, so end-of-file means that the orchestrator is gone, however it died. Then the
worker's whole process group is killed at once, data loaders included.

A parent-death signal would not do: it fires when the *thread* that started the child ends, and the
parent of a worker is the forkserver.
"""

import fcntl
import os
import signal
import sys
import threading
from typing import NoReturn

from mcp_automl.worker.wire import Heartbeat, Wire

HEARTBEAT_SECONDS = 5.0


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


def start_heartbeat(wire: Wire) -> None:
    """Sends heartbeats from a thread until the process ends."""
    threading.Thread(target=_beat, args=(wire,), name="heartbeat", daemon=True).start()


def _beat(wire: Wire) -> None:
    pause = threading.Event()
    while not pause.wait(HEARTBEAT_SECONDS):
        used = os.times()
        seconds = used.user + used.system + used.children_user + used.children_system
        try:
            wire.send(Heartbeat(cpu_seconds=seconds))
        except OSError:
            # Nobody listens any more: the life pipe says the rest.
            return
