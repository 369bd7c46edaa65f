"""The seam of money: what jobs have cost, for tool calls.

Like `ports.StudyRegistry`: synchronous, a few milliseconds a call, standard library only.
"""

from collections.abc import Sequence
from typing import Protocol

from mcp_automl.domain.costs import GroupBy, Spent
from mcp_automl.domain.quote import TrialCost
from mcp_automl.domain.savings import PrunedTrial
from mcp_automl.domain.study import Study, StudyConfig


class Accounts(Protocol):
    """What jobs have cost."""

    def spent(self, group_by: GroupBy, since: float | None) -> Sequence[Spent]:
        """Sums over the jobs that began then or later, any number of sums for a key."""

    def finished(self, config: StudyConfig) -> Sequence[TrialCost]:
        """The latest trials with that trainer that came to their end or the pruner's.

        Those of the study of that name are its own.
        """

    def pruned(self, study: Study) -> Sequence[PrunedTrial]:
        """The study's trials that the pruner ended, and not the budget."""
