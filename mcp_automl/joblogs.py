"""What trainings print: found by the job's name, and no more of it shown than its end.

A trial's job is named by its study's name, a dot and its trial's number: `mnist-opt-1.3`. A name
may hold dots, but a number never does, so the last dot parts the two. A training job has a name of
its own, `job-7`, and one that trains several times a number, too: `job-7.2`. The path is made of an
id and the number alone; nothing that a caller writes becomes part of it.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mcp_automl.answers import JobLog
from mcp_automl.domain.errors import JobNotFound
from mcp_automl.domain.study import Study, TrialState
from mcp_automl.folders import Folders
from mcp_automl.jobstore import JobStore
from mcp_automl.ports import StudyRegistry

JOB = re.compile(r"(?P<study>.+?)(?:\.(?P<trial>[0-9]{1,6}))?", re.ASCII)

MAX_LINES = 50
MAX_BYTES = 4_000
"""What is read of a log's end."""


@dataclass(frozen=True, slots=True)
class JobLogs:
    """The logs of one workspace's jobs."""

    registry: StudyRegistry
    jobs: JobStore
    folders: Folders

    def read(self, job: str) -> JobLog:
        """The end of a job's log.

        Raises:
            JobNotFound: there is no such job, or it has printed nothing because it never started.
        """
        study, number = self._found(job)
        if study is None:
            raise JobNotFound(
                f"there is no job {job[:80]!r}; a job is named by its study, a dot and its trial's "
                "number, such as mnist-opt-1.3, or is a training job such as job-7; call "
                "list_automl_studies or get_queue_status to see what there is"
            )
        path = self.folders.log(study, number)
        try:
            return _end_of(path)
        except OSError as error:
            raise JobNotFound(
                f"job {job[:80]!r} has no log: {path} cannot be read; call get_automl_study_status "
                "to see which trials have begun"
            ) from error

    def _found(self, job: str) -> tuple[Study | None, int]:
        """Whose it is, and the number of its trial, or training."""
        named = JOB.fullmatch(job)
        if named is None:
            return None, 0
        own = self.jobs.find(named["study"])
        if own is None and named["trial"] is None:
            return None, 0
        return own or self.registry.find(named["study"]), int(named["trial"] or 0)

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
