"""Where a study stands: what its trials have come to, what runs, and what is to be expected."""

from collections.abc import Callable

from mcp_automl.answers import RunningTrial, StudyStatus
from mcp_automl.costs import Costs
from mcp_automl.domain.outlook import Progress, next_look_seconds
from mcp_automl.domain.sampling import choose, in_words
from mcp_automl.domain.study import Study, TrialState, counted
from mcp_automl.forecasts import Forecasts
from mcp_automl.joblogs import JobLogs
from mcp_automl.jobstore import JobStore
from mcp_automl.liveness import Liveness
from mcp_automl.packages import has_torch
from mcp_automl.ports import StudyRegistry
from mcp_automl.results import Results


def searched(study: Study, progress: Progress) -> str:
    """Which sampler works and why, and the pruner; nothing for a study of plain Optuna's."""
    if study.id < 0:
        return ""
    config, done = study.config, counted(progress.counts)
    choice = choose(config.sampler, config.space, done, has_torch)
    return in_words(choice, config.pruner, progress.stood_in, finished=done)


class Statuses:
    """Tells where the studies of one workspace stand.

    Args:
        now: wall clock seconds.
    """

    def __init__(
        self,
        registry: StudyRegistry,
        liveness: Liveness,
        logs: JobLogs,
        results: Results,
        costs: Costs,
        jobs: JobStore,
        forecasts: Forecasts,
        now: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._liveness = liveness
        self._logs = logs
        self._results = results
        self._costs = costs
        self._jobs = jobs
        self._forecasts = forecasts
        self._now = now

    def of(self, study: Study) -> StudyStatus:
        """The study's status; whoever should run it is seen to."""
        notes = self._liveness.ensure(study)
        with self._registry.view():
            return self._seen(study, notes)

    def _seen(self, study: Study, notes: tuple[str, ...]) -> StudyStatus:
        progress = self._registry.progress(study)
        goes_on = study.state.should_run and not study.stop_requested
        remaining = None
        if goes_on:
            remaining = self._forecasts.study_s(study, progress, self._jobs.holdings())
        # A study that is stopping ends within seconds.
        look = next_look_seconds(0.0 if study.stop_requested else remaining)
        best = self._results.best(study)
        return StudyStatus(
            study=study,
            counts=progress.counts,
            best=best,
            best_measured=self._registry.last_measurement(study, best.number) if best else None,
            running=self._running(study),
            elapsed_s=study.elapsed_s(self._now()),
            remaining_s=remaining,
            cost_usd=progress.cost_usd,
            pruned_for_cost=progress.pruned_for_cost,
            interrupted=progress.interrupted,
            savings=self._costs.savings(study),
            next_look_s=look if study.state.should_run else None,
            notes=(
                *notes,
                *self._liveness.takeover(study, progress),
                *self._logs.of_failed(study),
                *self._liveness.tracking(),
            ),
            search=searched(study, progress),
        )

    def _running(self, study: Study) -> tuple[RunningTrial, ...]:
        numbers = [trial.number for trial in self._registry.trials(study, (TrialState.RUNNING,))]
        of, last = self._registry.trial, self._registry.last_measurement
        return tuple(RunningTrial(trial=of(study, n), last=last(study, n)) for n in numbers)
