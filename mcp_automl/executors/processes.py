"""Process groups: how they are killed, and how a leftover one is told from a stranger's."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from mcp_automl.domain.jobs import ProcessRef

SAME_START = 1.0
"""Seconds by which a start time may differ: it follows from the boot time, which clocks adjust."""

VMSTAT = Path("/proc/vmstat")
"""Where Linux counts, among other things, the processes it has killed for want of memory."""

GONE_SECONDS = 3.0
"""How long a killed process may take to be gone."""


def process_ref(pid: int) -> ProcessRef:
    """A process of ours that has just been started."""
    try:
        return ProcessRef(pid=pid, started=psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return ProcessRef(pid=pid, started=time.time())


def pidfd(pid: int) -> int | None:
    """A descriptor that is readable once the process has ended; None where there are none."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        # It has ended already, or the kernel is older than 5.3, or does not let us.
        return None


def signal_group(leader: int, number: signal.Signals) -> None:
    """Sends a signal to a process and its group; harmless if they are gone."""
    # The leader too: in its first milliseconds it has not founded its group yet.
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(leader, number)


def sweep_group(leader: int) -> None:
    """Kills what is left of a group whose leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def kill_leftover(process: ProcessRef) -> bool:
    """Kills what is left of a worker of a dead orchestrator, its group included; blocks until done.

    Returns:
        Whether there was anything. A later process that happens to have its pid is left alone.
    """
    leftover = _members(process)
    for member in leftover:
        # psutil checks the start time again, so a pid that was reused meanwhile is safe.
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    deadline = time.monotonic() + GONE_SECONDS
    # Nothing tells of the end of somebody else's child, so this looks again and again.
    while any(is_running(member) for member in leftover) and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(leftover)


def is_running(process: psutil.Process) -> bool:
    """Whether it can still do anything; a zombie cannot, whenever it will be reaped."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def memory_kills() -> int | None:
    """How many processes the kernel has killed for want of memory; None where it does not say."""
    try:
        lines = VMSTAT.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    counts = dict(line.split(maxsplit=1) for line in lines if line.startswith("oom_kill "))
    return int(counts["oom_kill"]) if counts else None


def _members(process: ProcessRef) -> list[psutil.Process]:
    # 0 stands for a job without a process of its own; 1 and our own group are never leftovers.
    if process.pid <= 1 or process.pid == os.getpgrp() or not _group_exists(process.pid):
        return []
    leader = [member for member in [_find(process.pid)] if member is not None]
    if leader and abs(leader[0].create_time() - process.started) > SAME_START:
        return []
    return [member for member in psutil.process_iter() if _is_member(member, process)]


def _find(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        # A leader that was caught before it founded its group.
        return psutil.pid_exists(group)
    except PermissionError:
        return True
    return True


def _is_member(member: psutil.Process, process: ProcessRef) -> bool:
    try:
        if not is_running(member):
            return False
        in_group = member.pid == process.pid or os.getpgid(member.pid) == process.pid
        return in_group and member.create_time() >= process.started - SAME_START
    except (psutil.Error, OSError):
        return False
