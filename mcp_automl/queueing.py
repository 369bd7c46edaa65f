"""What the machine is busy with: who holds slots, who waits in which order, and for how long."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mcp_automl.accounts import Accounts
from mcp_automl.domain.outlook import Progress
from mcp_automl.domain.queue import Holding, Waiting, turns
from mcp_automl.domain.study import Study
from mcp_automl.domain.turns import Claim, in_turn
from mcp_automl.forecasts import Forecasts, missing
from mcp_automl.job_answers import Held, Queue
from mcp_automl.jobstore import JobStore
from mcp_automl.liveness import Liveness
from mcp_automl.ports import StudyRegistry
from mcp_automl.quotes import estimate
from mcp_automl.training_jobs import TrainingJobs

ENDED = 3
"""How many of these are shown."""

QUOTED = 20
"""Of how many that wait it is looked up what they will take."""


class Queueing:
    """The queue of one workspace, as the database tells it.

    The order is that of `domain/turns.py`, by which the orchestrator serves, over what is stored.

    Args:
        parallel: how many trainings run at once.
        devices: describes the machine's devices.
        now: wall clock seconds.
    """

    def __init__(
        self,
        store: JobStore,
        registry: StudyRegistry,
        jobs: TrainingJobs,
        *,
        accounts: Accounts,
        forecasts: Forecasts,
        liveness: Liveness,
        parallel: int,
        devices: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._registry = registry
        self._jobs = jobs
        self._accounts = accounts
        self._forecasts = forecasts
        self._liveness = liveness
        self._parallel = parallel
        self._devices = devices
        self._now = now

    def show(self) -> Queue:
        """The queue as it is now."""
        unfinished = self._store.unfinished()
        notes = self._liveness.ensure(unfinished[0]) if unfinished else ()
        now = self._now()
        holdings = self._store.holdings()
        known = {it.id: self._registry.progress(it) for it in unfinished}
        waiting = [self._waiting(it, known[it.id], holdings) for it in unfinished]
        claims = [it for it in waiting if it.missing and it.claim.held < self._parallel]
        first = {claim.id for claim in in_turn([it.claim for it in claims], now)[:QUOTED]}
        asked = [*(it.study for it in holdings), *(it for it in unfinished if it.id in first)]
        trials_s = self._forecasts.trials_s(asked, known, holdings)
        held = tuple(_held(it, now, trials_s[it.study.id]) for it in holdings)
        quoted = [
            self._quoted(it, trials_s[it.claim.id], known[it.claim.id].cost_usd)
            if it.claim.id in first
            else it
            for it in claims
        ]
        ends_in_s = [it.remaining_s for it in held]
        return Queue(
            slots=self._parallel,
            devices=self._devices(),
            held=held,
            turns=tuple(turns(quoted, ends_in_s=ends_in_s, slots=self._parallel, now=now)),
            ended=tuple(self._jobs.shown(it) for it in self._ended()),
            notes=notes,
        )

    def _ended(self) -> list[Study]:
        """The latest jobs that have."""
        return [it for it in self._jobs.latest() if not it.state.should_run][:ENDED]

    def _waiting(self, study: Study, progress: Progress, holdings: Sequence[Holding]) -> Waiting:
        not_begun = missing(study, progress, holdings)
        return Waiting(
            study=study,
            claim=Claim(
                id=study.id,
                priority=study.config.priority,
                held=sum(it.study.id == study.id for it in holdings),
                since=self._store.served_at(study),
            ),
            missing=0 if study.stop_requested else not_begun,
        )

    def _quoted(self, waiting: Waiting, trial_s: float | None, spent_usd: float) -> Waiting:
        """The same with what it will take and cost: that is worth looking up for those in front."""
        config = waiting.study.config
        quoted = estimate(self._accounts, config, trials=waiting.missing, parallel=1)
        usd = None if quoted.usd is None else quoted.usd.expected
        if usd is not None and config.cost_budget_usd is not None:
            usd = min(usd, max(0.0, config.cost_budget_usd - spent_usd))
        return replace(waiting, trial_s=trial_s, pending_usd=usd)


def _held(holding: Holding, now: float, trial_s: float | None) -> Held:
    return Held(
        holding=holding,
        elapsed_s=max(0.0, now - holding.started_at),
        remaining_s=holding.remaining_s(now, trial_s),
    )
