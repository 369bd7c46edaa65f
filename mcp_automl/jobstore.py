"""The seam of training jobs and of the queue: what the database knows of them, for tool calls.

Like `ports.StudyRegistry`: synchronous, a few milliseconds a call, standard library only.
"""

from collections.abc import Sequence
from typing import Protocol

from mcp_automl.domain.queue import Holding
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Study, StudyConfig, Trial


class JobStore(Protocol):
    """Training jobs, and who holds slots."""

    def create(self, config: StudyConfig, data_of: Study | None) -> Study:
        """Stores a new job as QUEUED, under a name that it is given here.

        Args:
            data_of: the study on whose data it trains; None where it chooses for itself.
        """

    def find(self, job: str) -> Study | None:
        """The job of that name, upper and lower case ignored."""

    def latest(self, limit: int) -> Sequence[Study]:
        """Jobs, newest first."""

    def unfinished(self) -> Sequence[Study]:
        """Studies and jobs that are QUEUED or RUNNING, oldest first."""

    def verifying(self, study: Study, params: Params) -> Study | None:
        """The latest COMPLETE job that verified that study's win with these parameters."""

    def runs(self, job: Study) -> Sequence[Trial]:
        """Its trainings by number, each complete."""

    def holdings(self) -> Sequence[Holding]:
        """Trainings that hold a slot now, the oldest first."""

    def served_at(self, study: Study) -> float:
        """When it last began a training, or was created; seconds since the epoch."""
