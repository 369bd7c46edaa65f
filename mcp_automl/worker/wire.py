"""What a worker and its executor say to each other: one JSON object a line, over one socket.

    worker                                   executor
    {"heartbeat": {"cpu_seconds": 12.5}}  ->                  every few seconds, from a thread
    {"measured": {"epoch": 1, ...}}       ->
                                          <-   go | stop      exactly one for each `measured`
    {"ended": {"ending": "completed"}}    ->                  the last word; the process exits

A process that prepares data says `ready` in place of measurements, and on failure `ended`.

It is JSON as Python writes it: a diverged training's `NaN` and `Infinity` arrive as what they are.
Whatever else a line holds, the executor does not guess: a line it cannot read ends the job.
"""

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, TypeAlias, assert_never

from trainers.contract import Measurement, Prepared

GO = b"go\n"
STOP = b"stop\n"

MAX_LINE = 1 << 20
"""Bytes of one line; whoever sends more has lost its way."""


class Ending(Enum):
    """How a training ended, as the worker itself knows it."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    RAISED = "raised"
    OUT_OF_MEMORY = "out of memory"
    KILLED = "killed"
    """From outside: by itself it would have gone on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The process lives; whether its training does shows in what it has computed since the last."""

    cpu_seconds: float
    """Processor time of the process and its descendants so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An epoch has finished; the worker waits for its reply."""

    measurement: Measurement
    gpu_memory_gb: float = 0.0
    """The most GPU memory in GiB that the training has held so far; 0 where it cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The answer of a process that prepared data."""

    prepared: Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord:
    """Nothing follows."""

    ending: Ending
    reason: str = ""
    """The exception's last line, if there was one."""


Message: TypeAlias = Heartbeat | Measured | Ready | LastWord


def encode(message: Message) -> bytes:
    """One line.

    Raises:
        ValueError: it would be longer than a line may be.
    """
    match message:
        case Heartbeat():
            told: dict[str, object] = {"heartbeat": asdict(message)}
        case Measured():
            told = {"measured": _measured_as_json(message)}
        case Ready():
            prepared = message.prepared
            told = {"ready": [dict(prepared.arguments), prepared.description]}
        case LastWord():
            told = {"ended": {"ending": message.ending.value, "reason": message.reason}}
        case _:
            assert_never(message)
    line = json.dumps(told, separators=(",", ":")).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(f"a line may have {MAX_LINE} bytes, not {len(line)}")
    return line


def _measured_as_json(message: Measured) -> Mapping[str, object]:
    it = message.measurement
    return {
        "epoch": it.epoch,
        "metrics": dict(it.metrics),
        "seconds": it.seconds,
        "gpu_memory_gb": message.gpu_memory_gb,
    }


def decode(line: bytes) -> Message:
    """What `encode` was given.

    Raises:
        ValueError: this is no line of a worker.
    """
    try:
        ((kind, told),) = json.loads(line).items()
        match kind:
            case "heartbeat":
                return Heartbeat(cpu_seconds=float(told["cpu_seconds"]))
            case "measured":
                return _measured(told)
            case "ready":
                arguments, description = told
                return Ready(
                    prepared=Prepared(arguments=dict(arguments), description=str(description))
                )
            case "ended":
                return LastWord(ending=Ending(told["ending"]), reason=str(told["reason"]))
            case _:
                raise ValueError(kind)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a line of a worker: {line[:80]!r}") from error


def _measured(told: Mapping[str, Any]) -> Measured:
    metrics = {str(name): float(value) for name, value in told["metrics"].items()}
    measurement = Measurement(
        epoch=int(told["epoch"]), metrics=metrics, seconds=float(told["seconds"])
    )
    return Measured(measurement=measurement, gpu_memory_gb=float(told["gpu_memory_gb"]))


@dataclass(slots=True)
class Lines:
    """Cuts what arrives into lines."""

    _rest: bytes = field(default=b"", init=False)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Lines that are complete now.

        Raises:
            ValueError: more than a line's length has come without an end.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise ValueError(f"a line of more than {MAX_LINE} bytes")
        return iter(lines)


class Wire:
    """The worker's end; any thread may send, only one may ask."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._replies = connection.makefile("rb")
        # A heartbeat from its thread must not fall into the middle of a measurement.
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Sends one line whole."""
        line = encode(message)
        with self._sending:
            self._connection.sendall(line)

    def ask(self, measured: Measured) -> bool:
        """Sends a measurement and waits for its reply: whether to go on."""
        self.send(measured)
        return self._replies.readline() == GO

    def forget(self) -> None:
        """Closes the socket in a forked child, by which the other end learns nothing."""
        # Not through `_replies`: its lock may have been held when the child was forked.
        os.close(self._connection.detach())
