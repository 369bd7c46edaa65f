"""Names and atomic writes of checkpoints: standard library only, so that a worker can import it.

A checkpoint is `checkpoint-000012.pt`: written once epoch 12 is finished, and zero-padded so that
sorting by name is sorting by epoch. Two are kept, because the newest may turn out to be broken.
"""

import logging
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

KEPT = 2
"""How many checkpoints of one training stay on disk."""

PATTERN = "checkpoint-??????.pt"
"""Matches finished checkpoints only: one that is being written has another suffix."""

UNREADABLE = (OSError, EOFError, RuntimeError, pickle.UnpicklingError)
"""What torch.load raises for a file that is cut short, empty or not a checkpoint at all."""

logger = logging.getLogger(__name__)


def checkpoint_path(workdir: Path, epoch: int) -> Path:
    """Returns where the checkpoint of this 1-based epoch belongs."""
    return workdir / f"checkpoint-{epoch:06d}.pt"


def checkpoints(workdir: Path) -> list[Path]:
    """Returns all finished checkpoints, newest first; none if the folder does not exist."""
    return sorted(workdir.glob(PATTERN), reverse=True)


def checkpoint_folder(workdir: Path) -> Path:
    """Where a command that trains may keep what it needs to go on."""
    return workdir / "checkpoints"


def latest_checkpoint(workdir: Path) -> Path | None:
    """Returns the newest checkpoint by name, without opening it, or None if there is none."""
    return next(iter(checkpoints(workdir)), None)


def newest_readable(newest: Path, read: Callable[[Path], T]) -> T | None:
    """Returns what `read` makes of this checkpoint, else of the ones before it, newest first."""
    for path in checkpoints(newest.parent):
        if path.name <= newest.name:
            try:
                return read(path)
            except UNREADABLE as error:
                logger.warning("%s is broken, trying the one before: %s", path, error)
    logger.warning("no checkpoint in %s can be read; beginning at epoch 1", newest.parent)
    return None


def keep_latest(workdir: Path, epoch: int) -> None:
    """Deletes every checkpoint but the last two up to this epoch.

    Later ones are deleted too: they belong to an earlier attempt, which this one has overruled.
    """
    kept = {checkpoint_path(workdir, epoch - age) for age in range(KEPT)}
    for path in checkpoints(workdir):
        if path not in kept:
            path.unlink(missing_ok=True)


def discard(workdir: Path) -> None:
    """Deletes all checkpoints, half-written ones too; harmless if there are none.

    For a training that will never go on; what it was trained for, the model, stays.
    """
    for path in workdir.glob(f"{PATTERN}*"):
        path.unlink(missing_ok=True)
    if checkpoint_folder(workdir).exists():
        shutil.rmtree(checkpoint_folder(workdir))


def replace_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Has `write` fill a temporary file beside `path`, which then takes the place of `path`.

    Whoever opens `path` sees the old content or the new, never a part, even after a power failure.
    """
    # Always the same name: what a killed writer left behind is overwritten, not collected.
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
