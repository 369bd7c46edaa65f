"""MLflow's REST API as far as a training's logging needs it, for one command, on this machine.

Theory of operation
-------------------
A command that logs to MLflow is told by its environment that a tracking server is here and that a
run is there already. What it logs into that run is heard as it comes, without anything of MLflow's
on this side and whatever version is on the other.

There is no thread: whoever follows the command waits for this as well, and lets it answer one call
at a time. A call that ends an epoch is answered only when whoever asked for measurements asks for
the next one: the command does not train on while it is decided whether it shall.

The address holds a secret, because others on this machine could call it, too. Files (models,
figures) do not come this way: their address is a folder.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl

from trainers.following import Follower, Metrics, log
from trainers.mlflow_run import EXPERIMENT, Refused, Run, Told
from trainers.mlflow_steps import Steps

CALL_SECONDS = 5.0
"""How long a call that has begun may take to arrive."""

MAX_CALL = 1 << 22
"""Bytes of one call; a batch of MLflow's has at most a million."""

CHUNK = 1 << 16

WAITING = 128
"""Calls that may wait for their turn."""

LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)

PATH = re.compile(r"/(?P<secret>[^/]+)/(?:ajax-)?api/\d\.\d/mlflow/(?P<call>[\w/-]+)")


class Endpoint:
    """Hears what a command logs to MLflow; see the top of this file.

    Args:
        objective: the metric whose steps are epochs.
        workdir: the training's folder; files go to `mlflow` in it.
        reached: the last epoch that an earlier attempt has measured, 0 if there is none.
        step: the step at which that was.
    """

    def __init__(self, *, objective: str, workdir: Path, reached: int, step: int | None) -> None:
        self._folder = workdir / "mlflow"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._steps = Steps(objective, step)
        self._run = Run(steps=self._steps, folder=self._folder)
        self._reached = reached
        self._secret = secrets.token_urlsafe(16)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=WAITING)
        self._listener.setblocking(False)

    @property
    def step(self) -> int | None:
        """The step of the last measurement."""
        return self._steps.step

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes MLflow log to here."""
        port = self._listener.getsockname()[1]
        # A proxy would not find it.
        direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        direct = f"{direct},127.0.0.1" if direct else "127.0.0.1"
        return {
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}/{self._secret}",
            "MLFLOW_RUN_ID": self._run.id,
            "MLFLOW_EXPERIMENT_ID": EXPERIMENT,
            # What a trial registers stays its own; the file is made only if it does.
            "MLFLOW_REGISTRY_URI": f"sqlite:///{self._folder.absolute()}/registry.db",
            # Several threads would send steps out of order.
            "MLFLOW_ASYNC_LOGGING_THREADPOOL_SIZE": "1",
            # An answer takes as long as the decision whether to go on; a user's own limit is for
            # a server far away.
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "3600",
            # There is nothing to be seen at these addresses.
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            "no_proxy": direct,
            "NO_PROXY": direct,
        }

    def heard(self, follower: Follower) -> Iterator[dict[str, float]]:
        """The metrics of each epoch, until the command exits; what it prints goes to the log."""
        for said in follower.lines(self):
            if isinstance(said, bytes):
                log(said)
            else:
                self._reached += 1
                yield {**said, "epoch": self._reached}

    def silence(self) -> str:
        """Why there was no measurement."""
        return self._steps.silence()

    def close(self) -> None:
        """Answers nothing any more."""
        self._listener.close()
        # A full disk shall not end a training.
        with contextlib.suppress(OSError):
            self._run.keep()

    def fileno(self) -> int:
        """Can be read from when there is a call."""
        return self._listener.fileno()

    def said(self) -> Iterator[Metrics]:
        """Takes one call; yields the metrics of each epoch that it ends, and then answers it."""
        with contextlib.suppress(OSError), contextlib.closing(_accepted(self._listener)) as call:
            try:
                told = self._run.answer(self._name(call), call.told())
            except Refused as refused:
                call.reply(refused.status, refused.told)
                return
            yield from self._steps.epochs()
            call.reply(HTTPStatus.OK, told)

    def _name(self, call: "_Call") -> str:
        found = PATH.fullmatch(call.path)
        told = b"" if found is None else found["secret"].encode()
        if found is None or not secrets.compare_digest(told, self._secret.encode()):
            raise Refused(404, "ENDPOINT_NOT_FOUND", f"there is nothing at {call.path}")
        return found["call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A request that has been read whole, and waits for its answer."""

    path: str
    query: str
    body: bytes
    connection: socket.socket

    def told(self) -> Told:
        """Its arguments.

        Raises:
            Refused: they are not what they should be.
        """
        if not self.body:
            return dict(parse_qsl(self.query))
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise Refused(400, "MALFORMED_REQUEST", "this is no JSON object")
        return told

    def reply(self, status: int, told: Told) -> None:
        """Answers with a JSON object."""
        body = json.dumps(told).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.connection.settimeout(CALL_SECONDS)
        self.connection.sendall(head.encode() + body)

    def close(self) -> None:
        """Ends the connection; whoever was not answered learns that by it."""
        self.connection.close()


def _accepted(listener: socket.socket) -> _Call:
    """The next call.

    Raises:
        OSError: whoever called has gone, or does not say what it wants.
    """
    connection, _ = listener.accept()
    try:
        head, body = _received(connection)
        line = head.split(b"\r\n")[0].decode("ascii", errors="replace").split(" ")
        if len(line) != len(("GET", "/", "HTTP/1.1")):
            raise ConnectionError("this is no HTTP")
        path, _, query = line[1].partition("?")
        return _Call(path=path, query=query, body=body, connection=connection)
    except OSError:
        connection.close()
        raise


def _received(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of one request; nobody may take for ever to send it."""
    until, data = time.monotonic() + CALL_SECONDS, b""
    while len(data) <= MAX_CALL:
        head, blank, body = data.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if blank and len(body) >= (int(length[1]) if length else 0):
            return head, body
        connection.settimeout(max(until - time.monotonic(), 0.001))
        part = connection.recv(CHUNK)
        if not part:
            break
        data += part
    raise ConnectionError("this is no whole request")
