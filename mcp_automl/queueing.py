"""What the machine is busy with: who holds slots, who waits in which order, and for how long."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mcp_automl.accounts import Accounts
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
        held = tuple(self._held(it, now) for it in holdings)
        waiting = [self._waiting(it, holdings) for it in unfinished]
        claims = [it for it in waiting if it.missing and it.claim.held < self._parallel]
        first = {claim.id for claim in in_turn([it.claim for it in claims], now)[:QUOTED]}
        return Queue(
            slots=self._parallel,
            devices=self._devices(),
            held=held,
            turns=tuple(
                turns(
                    [self._quoted(it) if it.claim.id in first else it for it in claims],
                    ends_in_s=[it.remaining_s for it in held],
                    slots=self._parallel,
                    now=now,
                )
            ),
            ended=tuple(self._jobs.shown(it) for it in self._ended()),
            notes=notes,
        )

    def _ended(self) -> list[Study]:
        """The latest jobs that have."""
        return [it for it in self._jobs.latest() if not it.state.should_run][:ENDED]

    def _held(self, holding: Holding, now: float) -> Held:
        return Held(
            holding=holding,
            elapsed_s=max(0.0, now - holding.started_at),
            remaining_s=self._forecasts.held_s(holding),
        )

    def _waiting(self, study: Study, holdings: Sequence[Holding]) -> Waiting:
        not_begun = missing(study, self._registry.progress(study), holdings)
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

    def _quoted(self, waiting: Waiting) -> Waiting:
        """The same with what it will take and cost: that is worth looking up for those in front."""
        study, progress = waiting.study, self._registry.progress(waiting.study)
        quoted = estimate(self._accounts, study.config, trials=waiting.missing, parallel=1)
        budget = study.config.cost_budget_usd
        usd = None if quoted.usd is None else quoted.usd.expected
        if usd is not None and budget is not None:
            usd = min(usd, max(0.0, budget - progress.cost_usd))
        seconds = self._forecasts.trial_s(study, progress)
        return replace(waiting, trial_s=seconds, pending_usd=usd)
