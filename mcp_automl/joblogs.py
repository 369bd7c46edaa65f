"""What trainings print: found by the job's name, and no more of it shown than its end.

A job is named by its study's name, a dot and its trial's number: `mnist-opt-1.3`. A name may hold
dots, but a number never does, so the last dot parts the two. The path is made of the study's id and
the number alone; nothing that a caller writes becomes part of it.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mcp_automl.answers import JobLog
from mcp_automl.domain.errors import JobNotFound
from mcp_automl.domain.study import Study, TrialState
from mcp_automl.folders import Folders
from mcp_automl.ports import StudyRegistry

JOB = re.compile(r"(?P<study>.+)\.(?P<trial>[0-9]{1,6})", re.ASCII)

MAX_LINES = 50
MAX_BYTES = 4_000
"""What is read of a log's end."""


@dataclass(frozen=True, slots=True)
class JobLogs:
    """The logs of one workspace's jobs."""

    registry: StudyRegistry
    folders: Folders

    def read(self, job: str) -> JobLog:
        """The end of a job's log.

        Raises:
            JobNotFound: there is no such job, or it has printed nothing because it never started.
        """
        named = JOB.fullmatch(job)
        study = self.registry.find(named["study"]) if named else None
        if named is None or study is None:
            raise JobNotFound(
                f"there is no job {job[:80]!r}; a job is named by its study, a dot and its trial's "
                "number, such as mnist-opt-1.3; call list_automl_studies to see the studies"
            )
        path = self.folders.log(study, int(named["trial"]))
        try:
            return _end_of(path)
        except OSError as error:
            raise JobNotFound(
                f"job {job[:80]!r} has no log: {path} cannot be read; call get_automl_study_status "
                "to see which trials have begun"
            ) from error

    def of_failed(self, study: Study) -> tuple[str, ...]:
        """Where to read on about the study's latest failure, if there is one."""
        failed = self.registry.trials(study, (TrialState.FAIL,))
        if not failed or study.id < 0:
            return ()
        number = max(trial.number for trial in failed)
        path = self.folders.log(study, number)
        return (f"trial #{number} failed; the log of its training is {path}",)


def _end_of(path: Path) -> JobLog:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MAX_BYTES))
        lines = file.read(MAX_BYTES).decode("utf-8", errors="replace").splitlines()
    # Where it was not read from its beginning, the first line is the end of one.
    whole = lines if size <= MAX_BYTES else lines[1:] or lines
    return JobLog(path=path, size=size, lines=tuple(whole[-MAX_LINES:]))
