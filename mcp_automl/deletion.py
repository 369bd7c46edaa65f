"""Deleting a study: its rows in one transaction, and then its files, as long as a call may take.

A crash between the two leaves a folder that no study will ever have again: ids are given once. What
is left of deleted studies is deleted by the next deletion, and when an orchestrator starts.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcp_automl.answers import Deleted
from mcp_automl.archive import Archive
from mcp_automl.domain.study import Study
from mcp_automl.folders import Folders
from mcp_automl.refusals import refuse_foreign, refuse_running, refuse_unconfirmed

SWEEP_SECONDS = 2.0
"""How long files are deleted before the rest is left to the next time."""

LATE = f"it takes longer than {SWEEP_SECONDS:.0f} s"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """Deletes studies of one workspace.

    Args:
        clock: monotonic seconds.
    """

    archive: Archive
    folders: Folders
    clock: Callable[[], float] = time.monotonic

    def delete(self, study: Study, name: str, confirm: str) -> Deleted:
        """Deletes the study, if it has ended and both names are exactly its own.

        Raises:
            NameTaken: plain Optuna made it; it can only be read here.
            StudyRuns: it has not ended.
            InvalidRequest: a name is not the study's, to the letter.
            StudyNotFound: somebody else has deleted it just now.
        """
        refuse_foreign(study)
        refuse_running(study)
        refuse_unconfirmed(study, name, confirm)
        removed = self.archive.delete(study)
        left = self.sweep(first=study.id).get(study.id)
        return Deleted(
            study=study, trials=removed.trials, cost_usd=removed.cost_usd, notes=_notes(left)
        )

    def sweep(self, first: int | None = None) -> dict[int, str]:
        """Deletes the folders of deleted studies; returns what is left of which, and why.

        Args:
            first: the study that somebody waits for.
        """
        until = self.clock() + SWEEP_SECONDS
        left: dict[int, str] = {}
        for study_id in sorted(self.archive.deleted(), key=lambda it: it != first):
            folder = self.folders.of(study_id)
            why = _removed(folder, lambda: self.clock() >= until)
            if why:
                left[study_id] = f"{folder} is not deleted yet: {why}"
                logger.info("%s", left[study_id])
        return left


def _removed(folder: Path, late: Callable[[], bool]) -> str:
    """Deletes a study's folder; returns why some of it is left, or nothing."""
    if not os.path.lexists(folder):
        return ""
    for trial in (folder / "trials").glob("*"):
        if late():
            return LATE
        # As much as can be; what stays is told of below.
        shutil.rmtree(trial, ignore_errors=True)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        # Another process deletes it, too.
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _notes(left: str | None) -> tuple[str, ...]:
    if left is None:
        return ()
    return (f"{left}. The next orchestrator and the next deletion try again; so may you",)
