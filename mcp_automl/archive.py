"""The seam through which a whole study leaves the database: written out trial by trial, or deleted.

The side of tool calls, like `ports.StudyRegistry`: synchronous, standard library only.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mcp_automl.domain.occupation import Occupation
from mcp_automl.domain.study import Measurement, Study, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What a deleted study was."""

    trials: int
    cost_usd: float
    """Stays in the sums of what was spent."""


class Archive(Protocol):
    """Studies as wholes."""

    def parameters(self, study: Study) -> Sequence[str]:
        """The names of all parameters that any of its trials has, the space's first."""

    def measurements(self, study: Study, number: int) -> Sequence[Measurement]:
        """Every epoch of a trial; of plain Optuna's trials nothing but the objective is known."""

    def trials(self, study: Study) -> Iterator[Trial]:
        """Its trials by number, each complete, read one after the other from one moment's state."""

    def chosen(self, study: Study, numbers: Sequence[int]) -> Sequence[Trial]:
        """Those of its trials that have these numbers, each complete, in their order."""

    def costs(self, study: Study) -> Mapping[int, float]:
        """What each of its trials has cost, by number, in dollars; nothing of plain Optuna's."""

    def curves(self, study: Study, numbers: Sequence[int]) -> Mapping[int, Mapping[int, float]]:
        """The objective after every epoch, by trial; of plain Optuna's, by their own steps."""

    def attempts(self, study: Study, most: int) -> tuple[Sequence[Occupation], int]:
        """Its latest attempts, oldest first, and how many there are in all."""

    def delete(self, study: Study) -> Removed:
        """Deletes all of it but what it cost; its name is free from then on.

        Raises:
            StudyRuns: it has not ended; nothing was changed.
            StudyNotFound: it is deleted already, or was never ours.
        """

    def deleted(self) -> Collection[int]:
        """Ids of deleted studies; no other study ever gets one of them."""
