"""What a job has left in its folder and nobody will need again."""

import logging
from collections.abc import Iterable
from pathlib import Path

from trainers.checkpoints import discard

logger = logging.getLogger(__name__)


def discard_checkpoints(workdirs: Iterable[Path]) -> None:
    """Deletes the checkpoints in these folders; a failure costs disk space and nothing else."""
    for workdir in workdirs:
        try:
            discard(workdir)
        except OSError as error:
            logger.warning("checkpoints in %s cannot be deleted: %s", workdir, error)
