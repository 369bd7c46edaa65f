"""How long trainings will take, for all who tell: a study's status and the queue say the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mcp_automl.accounts import Accounts
from mcp_automl.domain.outlook import Progress, allowance, mean_seconds, remaining_seconds
from mcp_automl.domain.queue import Holding
from mcp_automl.domain.quote import Basis
from mcp_automl.domain.study import Study, counted
from mcp_automl.ports import StudyRegistry
from mcp_automl.quotes import estimate


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts for one workspace.

    Args:
        parallel: how many trainings run at once.
        now: wall clock seconds.
    """

    registry: StudyRegistry
    accounts: Accounts
    parallel: int
    now: Callable[[], float]

    def trials_s(
        self,
        studies: Iterable[Study],
        known: Mapping[int, Progress],
        holdings: Sequence[Holding],
    ) -> dict[int, float | None]:
        """How long the next training of each study will take, by its id; each is asked about once.

        As its latest did and as those which run will at their pace, because the first to end are
        the short ones; or as those of other studies like it. None where nothing tells: what other
        search spaces take may be many times more, or less.

        Args:
            known: progress that was read already, by the study's id.
            holdings: whoever holds a slot, of whatever study.
        """
        now = self.now()
        totals: dict[int, list[float]] = {}
        for it in holdings:
            if (total := it.total_s(now)) is not None:
                totals.setdefault(it.study.id, []).append(total)
        each = {study.id: study for study in studies}
        return {
            id: self._trial_s(study, known.get(id), totals.get(id, ()))
            for id, study in each.items()
        }

    def study_s(
        self, study: Study, progress: Progress, holdings: Sequence[Holding]
    ) -> float | None:
        """How long until all its trials are done, if nobody else takes the slots that come free.

        Args:
            holdings: whoever holds a slot, of whatever study.
        """
        now = self.now()
        studies = [study, *(it.study for it in holdings)]
        trials_s = self.trials_s(studies, {study.id: progress}, holdings)
        ends = [(it.study.id, it.remaining_s(now, trials_s[it.study.id])) for it in holdings]
        return remaining_seconds(
            missing=_paid_for(study, progress, missing(study, progress, holdings)),
            trial_s=trials_s[study.id],
            own_ends=[end for id, end in ends if id == study.id],
            other_ends=[end for id, end in ends if id != study.id],
            parallel=self.parallel,
        )

    def _trial_s(
        self, study: Study, progress: Progress | None, running: Sequence[float]
    ) -> float | None:
        finished = (progress or self.registry.progress(study)).finished_seconds
        own = mean_seconds((*finished, *running))
        if own is not None:
            return own
        quote = estimate(self.accounts, study.config, trials=1, parallel=1)
        if quote.seconds is None or quote.basis is Basis.OTHER:
            return None
        return quote.seconds.expected


def missing(study: Study, progress: Progress, holdings: Sequence[Holding]) -> int:
    """How many of its trainings have not begun; none where its budget is spent."""
    budget = study.config.cost_budget_usd
    if budget is not None and progress.cost_usd >= budget:
        return 0
    held = sum(it.study.id == study.id for it in holdings)
    return max(0, study.config.n_trials - counted(progress.counts) - held)


def _paid_for(study: Study, progress: Progress, trials: int) -> int:
    """For how many of so many trials its budget pays, as its status says."""
    budget = study.config.cost_budget_usd
    if budget is None:
        return trials
    paid = allowance(budget, progress.cost_usd, counted(progress.counts)).trials
    return trials if paid is None else min(trials, paid)
