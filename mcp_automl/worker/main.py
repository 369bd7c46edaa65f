"""What a worker process does: train, or prepare data. Each says its last word and exits.

A worker is forked from a process that has the trainer's libraries loaded but has never touched a
GPU, or spawned afresh where there is no such process. It imports the standard library, this package
and one trainer. It is started before there is anything to do, because forking a loaded torch takes
longer than all that an executor does between two trials, and waits for one order.
"""

import contextlib
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from mcp_automl.worker import training
from mcp_automl.worker.code import Code
from mcp_automl.worker.life import lead_group_that_dies_with, start_heartbeat
from mcp_automl.worker.log import redirect, shorten
from mcp_automl.worker.training import Assignment
from mcp_automl.worker.wire import Message, Wire
from trainers.contract import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A training, and the surroundings its process gives it."""

    assignment: Assignment
    log: Path
    """Where stdout and stderr go, appended."""
    visible_device: str | None
    """The only GPU it shall see; empty for none, None to leave that as it is."""
    heartbeat_s: float
    """How often it shows that it lives."""


def stand_by(orders: Connection, connection: socket.socket, life: Connection) -> NoReturn:
    """Waits for what to do, does it, and does not return: a `Process`'s target.

    Args:
        orders: brings one of the functions below, and its arguments but the last.
        connection: where it is answered.
        life: see `worker.life`.
    """
    lead_group_that_dies_with(life.fileno())
    wire = _open(connection)
    try:
        do, arguments = orders.recv()
    except EOFError:
        os._exit(0)
    # Whoever the trainer starts shall not inherit it.
    orders.close()
    _say_and_exit(wire, do(*arguments, wire))


def train(order: Order, wire: Wire) -> Message:
    """Trains; what it returns is the last word."""
    try:
        _settle_in(order)
    except OSError as error:
        return training.last_word(error)
    start_heartbeat(wire, order.heartbeat_s, lambda: shorten(order.log))
    return training.run_to_the_end(order.assignment, wire.ask)


def prepare(trainer: Code, data_dir: Path, constants: Mapping[str, Value], wire: Wire) -> Message:
    """Prepares a trainer's data."""
    # Trainers may print, and this process's stdout may be somebody's protocol.
    os.dup2(2, 1)
    return training.prepare(trainer, data_dir, constants)


def _open(connection: socket.socket) -> Wire:
    # What was loaded before the fork is shared with all workers, until a collector touches it.
    gc.freeze()
    # It came as a message, and descriptors that come so are inherited by default.
    connection.set_inheritable(False)
    wire = Wire(connection)
    # A data loader that outlived this process would keep the executor waiting for the end of file.
    os.register_at_fork(after_in_child=wire.forget)
    return wire


def _settle_in(order: Order) -> None:
    redirect(order.log)
    faulthandler.enable()
    # Whoever has to be ended by force leaves in its log where it was, even if it holds the
    # interpreter.
    faulthandler.register(signal.SIGTERM, chain=True)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    os.environ["OMP_NUM_THREADS"] = str(order.assignment.threads)
    if order.visible_device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = order.visible_device


def _say_and_exit(wire: Wire, message: Message) -> NoReturn:
    try:
        _flush()
        try:
            wire.send(message)
        except (TypeError, ValueError) as error:
            # What `prepare` returned is no JSON.
            wire.send(training.last_word(error))
    finally:
        # No teardown: destroying a loaded torch costs more than a short epoch, and what must be
        # closed (data loaders) goes with the process group.
        os._exit(0)


def _flush() -> None:
    # A full disk may cost the log its end, but not the executor its last word.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
