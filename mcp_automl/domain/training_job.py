"""Training jobs: parameters that somebody has chosen, trained as they are."""

import re
from dataclasses import dataclass
from enum import Enum

from mcp_automl.domain.bounds import one_of
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space import Categorical, Params, SearchSpace

MAX_RUNS = 20
"""Trainings of one job."""


class Priority(Enum):
    """Who is served first when a slot comes free; see `turns.py`."""

    URGENT = "urgent"
    NORMAL = "normal"
    BACKGROUND = "background"

    @property
    def rank(self) -> int:
        """Smaller is earlier."""
        return list(Priority).index(self)

    @classmethod
    def of(cls, word: str | None) -> "Priority":
        """The priority of that name; normal where none is named. Raises InvalidRequest."""
        return one_of(cls, word, "priority") or cls.NORMAL


def job_name(number: int) -> str:
    """What a training job is called, and found by."""
    return f"job-{number}"


def is_job_name(name: str) -> bool:
    """Whether no study may be called so."""
    return re.fullmatch(r"job-[0-9]+", name, re.ASCII | re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What a training job is beside its trainer and its objective."""

    points: tuple[Params, ...]
    """What each of its trainings is trained with; more than one where a win is verified."""
    seeds: tuple[int, ...]
    """One for each point."""
    priority: Priority = Priority.NORMAL
    final: bool = False
    """Whether training and validation data are trained on together."""
    run_name: str = ""
    """What its run is called by a tracker; empty for the job's own name."""
    register: bool = False
    """Whether its model is registered under the trainer's name."""
    of_study: str = ""
    """The study whose parameters these are; empty if somebody has named them."""
    of_study_id: int | None = None
    """That study's, as its name may be given to another one."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.points) <= MAX_RUNS or len(self.seeds) != len(self.points):
            raise InvalidRequest(f"a job has 1 to {MAX_RUNS} trainings, each with a seed")

    @property
    def verifies(self) -> bool:
        """Whether it trains two configurations again to see which of them is better."""
        return len(self.points) > 1

    def verified(self, study_id: int, params: Params) -> bool:
        """Whether it is about that study, with these as the better parameters."""
        of_it = self.verifies and self.of_study_id == study_id
        return of_it and all(self.points[0].get(name) == value for name, value in params.items())

    @property
    def space(self) -> SearchSpace:
        """Nothing but its points' values, so that whoever reads the trials sees them."""
        names = dict.fromkeys(name for point in self.points for name in point)
        values = {n: dict.fromkeys(point[n] for point in self.points) for n in names}
        return SearchSpace({n: Categorical(choices=tuple(values[n])) for n in names})
