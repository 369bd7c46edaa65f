"""A process followed until it exits: what it says, line by line, and its end if it is to stop."""

import contextlib
import os
import selectors
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Protocol, TypeAlias

CLOSE_SECONDS = 0.5
"""How long a command that is to stop may take from SIGTERM to SIGKILL."""

MAX_LINE = 1 << 18
"""Bytes of one line; of a longer one each part counts as a line."""

CHUNK = 1 << 16
PIPE_READS = 16

Metrics: TypeAlias = Mapping[str, float]
"""What was measured in one epoch."""


class Source(Protocol):
    """What else a process may be heard by."""

    def fileno(self) -> int:
        """A descriptor that can be read from when there is something."""

    def said(self) -> Iterator[Metrics]:
        """What there is, taken; never waits for what there is not."""


class Follower:
    """Reads what a process says until it exits, and ends it if it has not when closed."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None and process.stderr is not None
        self.last_error = ""
        """The last line on stderr that is not blank."""
        self._process = process
        self._stdout: IO[bytes] = process.stdout
        self._stderr: IO[bytes] = process.stderr
        # Neither pipe ends while a child of the process holds it: its own end is told by this one.
        self._exited, exits = os.pipe()
        self._waiter = threading.Thread(target=_wait, args=(process, exits), daemon=True)
        self._waiter.start()

    def lines(self, source: Source | None = None) -> Iterator[bytes | Metrics]:
        """Lines of its stdout, and what is heard elsewhere, as they come."""
        out, err = _Lines(), _Lines()
        with selectors.DefaultSelector() as selector:
            for stream, lines in ((self._stdout, out), (self._stderr, err)):
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, lines)
            selector.register(self._exited, selectors.EVENT_READ)
            if source is not None:
                selector.register(source, selectors.EVENT_READ)
            has_exited = False
            while not has_exited:
                ready = [key for key, _ in selector.select()]
                has_exited = any(key.fileobj == self._exited for key in ready)
                if has_exited:
                    # What it has said is in the pipes by now, and after it nothing counts.
                    out.drain(self._stdout.fileno())
                    err.drain(self._stderr.fileno())
                else:
                    _read(ready, selector)
                self._hear(err.taken())
                yield from out.taken()
                if source is not None and any(key.fileobj is source for key in ready):
                    yield from source.said()

    def close(self) -> None:
        """Ends the process if it has not ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(CLOSE_SECONDS)
        self._process.kill()
        self._waiter.join()
        os.close(self._exited)
        self._stdout.close()
        self._stderr.close()

    def _hear(self, lines: Iterator[bytes]) -> None:
        for line in lines:
            log(line)
            # A progress bar overwrites itself.
            said = [part.strip() for part in line.decode(errors="replace").split("\r")]
            self.last_error = next(filter(None, reversed(said)), self.last_error)


class _Lines:
    """Cuts what comes from a pipe that does not block into lines."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._rest = b""
        self.ended = False
        """Whether nothing can come any more."""

    def read(self, pipe: int) -> bool:
        """Reads once; whether there was anything."""
        try:
            data = os.read(pipe, CHUNK)
        except BlockingIOError:
            return False
        self.ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines += lines
        if len(self._rest) > MAX_LINE or not data:
            self._lines += [self._rest] if self._rest else []
            self._rest = b""
        return bool(data)

    def drain(self, pipe: int) -> None:
        """Reads all there is; what has no end of line is a line, too."""
        # No more than a pipe holds: what the process has left behind may write for ever.
        for _ in range(PIPE_READS):
            if not self.read(pipe):
                break
        self._lines += [self._rest] if self._rest else []
        self._rest = b""

    def taken(self) -> Iterator[bytes]:
        """Lines that nobody has taken yet."""
        lines, self._lines = self._lines, []
        return iter(lines)


def _read(ready: Sequence[selectors.SelectorKey], selector: selectors.BaseSelector) -> None:
    """Reads once from each pipe that has something."""
    for key in ready:
        if isinstance(key.data, _Lines):
            key.data.read(key.fd)
            if key.data.ended:
                selector.unregister(key.fileobj)


def _wait(process: "subprocess.Popen[bytes]", exits: int) -> None:
    process.wait()
    os.close(exits)


def log(line: bytes) -> None:
    """Puts a line where a worker's stderr goes, its job's log."""
    # A full disk shall not end a training.
    with contextlib.suppress(OSError):
        os.write(2, line + b"\n")
