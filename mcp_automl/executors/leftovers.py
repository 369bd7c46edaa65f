"""What a job has left in its folder and nobody will need again."""

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from mcp_automl.folders import LOG
from trainers.checkpoints import discard

logger = logging.getLogger(__name__)


def discard_checkpoints(workdirs: Iterable[Path]) -> None:
    """Deletes the checkpoints in these folders; a failure costs disk space and nothing else."""
    for workdir in workdirs:
        try:
            discard(workdir)
        except OSError as error:
            logger.warning("checkpoints in %s cannot be deleted: %s", workdir, error)


def clear(workdirs: Iterable[Path]) -> None:
    """Empties these folders but for logs; a failure costs disk space and nothing else."""
    for workdir in workdirs:
        try:
            _clear(workdir)
        except OSError as error:
            logger.warning("what is in %s cannot be deleted: %s", workdir, error)


def _clear(workdir: Path) -> None:
    for path in workdir.iterdir() if workdir.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOG:
            path.unlink(missing_ok=True)
