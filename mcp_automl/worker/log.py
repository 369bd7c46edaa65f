"""A job's log: everything its process prints, and never much more of it than fits on a disk."""

import os
from pathlib import Path

MAX_BYTES = 10_000_000
"""What a log may grow to before its beginning is dropped."""

KEPT_BYTES = 1_000_000
"""What is then kept of its end."""

DROPPED = b"[mcp-automl: earlier lines were dropped]\n"


def redirect(log: Path) -> None:
    """Makes `log` this process's stdout and stderr, appended to, and nothing its stdin."""
    log.parent.mkdir(parents=True, exist_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


def shorten(log: Path) -> None:
    """Drops the beginning of a log that has grown too long.

    Whoever writes to it appends, and goes on at its new end. What is written in the instant between
    reading and cutting is lost.
    """
    with open(log, "rb+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size <= MAX_BYTES:
            return
        file.seek(size - KEPT_BYTES)
        end = file.read(KEPT_BYTES)
        file.truncate(0)
    with open(log, "ab", buffering=0) as file:
        file.write(DROPPED + end.partition(b"\n")[2])
