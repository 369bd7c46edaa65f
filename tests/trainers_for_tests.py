"""Trainers that real worker processes run in tests; only a data loader's is made of torch.

`train` yields `Config.epochs` measurements and then does what `Config.behaviour` names. A behaviour
that goes on for hours first yields the process ids a test wants to know; `Config.note` is a file
in which it leaves what can be said only later.
"""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

from trainers.contract import Context, Measurement, Prepared

HOURS = 10_000.0

GPU_BYTES = 3 * 2**30


class OutOfMemoryError(RuntimeError):
    """Stands in for torch's, which is told by its name and its module's."""


OutOfMemoryError.__module__ = "torch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    epochs: int = 1
    behaviour: str = "end"
    note: str = ""


def prepare(data_dir: Path, behaviour: str = "end") -> Prepared:
    sys.stdout.write("this must not reach anybody's stdout\n")
    return Prepared(arguments={"behaviour": behaviour}, description=f"nothing, in {data_dir.name}")


def train(config: Config, context: Context) -> Iterator[Measurement]:
    first = int(context.resume_from.stem[-6:]) if context.resume_from else 1
    try:
        for epoch in range(first, config.epochs + 1):
            yield Measurement(epoch=epoch, metrics={"val_accuracy": epoch / 10}, seconds=0.5)
    except GeneratorExit:
        Path(config.note or os.devnull).write_text("closed")
        if config.behaviour == "hang when closed":
            _be_busy_and_deaf()
        if config.behaviour == "raise when closed":
            raise ValueError("it was just getting good") from None
        raise
    yield from BEHAVIOURS[config.behaviour](config)


def _tell(config: Config, **facts: float) -> Measurement:
    return Measurement(epoch=config.epochs + 1, metrics=facts, seconds=0.0)


def _end(config: Config) -> Iterator[Measurement]:
    yield from ()


def _print(config: Config) -> Iterator[Measurement]:
    yield from ()
    sys.stdout.write("to stdout\n")
    sys.stderr.write("to stderr\n")
    os.system("echo from a child")


def _describe(config: Config) -> Iterator[Measurement]:
    yield from ()
    variables = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    modules = ("torch", "anyio", "mcp_automl.ports", "mcp_automl.domain", "mcp")
    lines = [f"{name}={os.environ.get(name)}" for name in variables]
    lines.append(f"leader={os.getpid() == os.getpgrp() == os.getsid(0)}")
    lines.append(f"heavy={[name for name in modules if name in sys.modules]}")
    Path(config.note).write_text("\n".join(lines))


def _raise(config: Config) -> Iterator[Measurement]:
    yield from ()
    raise ValueError("the lamp\x1b[31m is\nred " + "x" * 1000)


def _leave(config: Config) -> Iterator[Measurement]:
    yield from ()
    sys.exit(3)


def _run_out_of_memory(config: Config) -> Iterator[Measurement]:
    yield from ()
    raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def _diverge(config: Config) -> Iterator[Measurement]:
    yield _tell(config, val_accuracy=float("nan"), val_loss=float("inf"), low=float("-inf"))


def _yield_nonsense(config: Config) -> Iterator[Measurement]:
    yield cast(Measurement, 7)


def _use_gpu(config: Config) -> Iterator[Measurement]:
    cuda = SimpleNamespace(is_initialized=lambda: True, max_memory_reserved=lambda: GPU_BYTES)
    sys.modules["torch"] = cast(ModuleType, SimpleNamespace(cuda=cuda))
    yield _tell(config)


def _exit_silently(config: Config) -> Iterator[Measurement]:
    yield from ()
    os._exit(3)


def _kill_oneself(config: Config) -> Iterator[Measurement]:
    yield from ()
    os.kill(os.getpid(), signal.SIGKILL)


def _crash(config: Config) -> Iterator[Measurement]:
    yield from ()
    os.kill(os.getpid(), signal.SIGSEGV)


def _sleep(config: Config) -> Iterator[Measurement]:
    yield _tell(config, pid=os.getpid())
    time.sleep(HOURS)


def _sleep_for_ever(config: Config) -> Iterator[Measurement]:
    yield from ()
    time.sleep(HOURS)


def _compute_for_long(config: Config) -> Iterator[Measurement]:
    """Long against the stall limit of whoever tests it, and in a child as a data loader would."""
    yield from ()
    child = os.fork()
    until = time.monotonic() + 2.0
    while child == 0 and time.monotonic() < until:
        pass
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _tidy_up(config: Config) -> Iterator[Measurement]:
    """Never comes to another measurement, but listens to SIGTERM."""

    def leave(number: int, frame: object) -> None:
        Path(config.note).write_text("tidied up")
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    yield _tell(config, pid=os.getpid())
    time.sleep(HOURS)


def _busy_and_deaf(config: Config) -> Iterator[Measurement]:
    yield _tell(config, pid=os.getpid())
    _be_busy_and_deaf()


def _be_busy_and_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        sum(range(1000))


def _hold_the_interpreter(config: Config) -> Iterator[Measurement]:
    """Backtracks for ever without once letting another thread run."""
    yield _tell(config, pid=os.getpid())
    re.match(r"(a+)+$", "a" * 60 + "b")


def _multiply_matrices(config: Config) -> Iterator[Measurement]:
    """Half a minute in one call that keeps the interpreter to itself, as numbers are objects."""
    import numpy

    square = numpy.full((1_100, 1_100), 1.5, dtype=object)
    yield _tell(config, pid=os.getpid())
    numpy.dot(square, square)


class _Numbers:
    """A data set without an end."""

    def __len__(self) -> int:
        return 10**12

    def __getitem__(self, index: int) -> int:
        return index


def _load_data(config: Config) -> Iterator[Measurement]:
    """Trains on what a data loader's own process brings."""
    from torch.utils.data import DataLoader

    batches = iter(DataLoader(_Numbers(), num_workers=1))  # type: ignore[arg-type]
    next(batches)
    (loader,) = multiprocessing.active_children()
    assert loader.pid is not None
    yield _tell(config, pid=os.getpid(), loader=loader.pid)
    for _ in batches:
        pass


def _with_grandchild(config: Config) -> Iterator[Measurement]:
    """Forks, as a data loader does, a child that ignores SIGTERM."""
    grandchild = os.fork()
    if grandchild == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(HOURS)
    yield _tell(config, pid=os.getpid(), grandchild=grandchild)
    time.sleep(HOURS)


def _leave_grandchild(config: Config) -> Iterator[Measurement]:
    """Ends well, but for a process it leaves behind, which has inherited what can be inherited."""
    left = subprocess.Popen(["sleep", str(HOURS)], close_fds=False)
    yield _tell(config, pid=os.getpid(), grandchild=left.pid)


BEHAVIOURS = {
    "end": _end,
    "hang when closed": _end,
    "raise when closed": _end,
    "print": _print,
    "describe": _describe,
    "raise": _raise,
    "leave": _leave,
    "run out of memory": _run_out_of_memory,
    "diverge": _diverge,
    "yield nonsense": _yield_nonsense,
    "use gpu": _use_gpu,
    "exit silently": _exit_silently,
    "kill oneself": _kill_oneself,
    "crash": _crash,
    "sleep": _sleep,
    "sleep for ever": _sleep_for_ever,
    "compute for long": _compute_for_long,
    "tidy up": _tidy_up,
    "busy and deaf": _busy_and_deaf,
    "hold the interpreter": _hold_the_interpreter,
    "multiply matrices": _multiply_matrices,
    "load data": _load_data,
    "with grandchild": _with_grandchild,
    "leave grandchild": _leave_grandchild,
}
