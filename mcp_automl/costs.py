"""The use cases about money: what was spent, by whom and on what, and what pruning saved."""

from collections.abc import Callable
from datetime import datetime

from mcp_automl.accounts import Accounts
from mcp_automl.domain.costs import CostReport, GroupBy, beginning, check_past, report
from mcp_automl.domain.savings import Savings, savings
from mcp_automl.domain.study import Study


class Costs:
    """What one workspace's jobs have cost.

    Args:
        now: wall clock seconds.
    """

    def __init__(self, accounts: Accounts, now: Callable[[], float]) -> None:
        self._accounts = accounts
        self._now = now
        self._saved: dict[tuple[int, int, float | None], Savings] = {}

    def report(self, group_by: str | None = None, since: str | None = None) -> CostReport:
        """What was spent, the dearest first.

        Args:
            group_by: `study` (also where it is left out), `model`, `day` or `owner`.
            since: from when on, as a date, a date with a time, or `7d`; all where it is left out.

        Raises:
            InvalidRequest: one of them is neither.
        """
        by = GroupBy.of(group_by)
        moment = None if since is None else self._moment(since)
        return report(self._accounts.spent(by, moment), by, moment)

    def _moment(self, since: str) -> float:
        now = self._now()
        # A moment without a zone is local time: that is what the system's own rules make of it.
        moment = beginning(since, datetime.fromtimestamp(now)).timestamp()
        check_past(since, moment, now)
        return moment

    def savings(self, study: Study) -> Savings | None:
        """What pruning has saved a study that has ended; None for one that has not."""
        if study.state.should_run:
            return None
        # Nothing is added to it until it is asked to go on, and then it ends anew.
        end = (study.id, study.revision, study.ended_at)
        if end not in self._saved:
            self._saved[end] = savings(self._accounts.pruned(study))
        return self._saved[end]
