"""The use cases behind tools and command line, in domain words.

Every call returns within a fraction of a second: it reads the database or writes an intention into
it, and makes sure that an orchestrator lives where one is needed. Refused calls change nothing.
"""

import time
import zlib
from collections.abc import Callable

from mcp_automl.answers import (
    BestParams,
    Comparison,
    JobLog,
    RunningTrial,
    Started,
    Stopped,
    StudyStatus,
    StudySummary,
)
from mcp_automl.domain import leaderboard
from mcp_automl.domain.errors import InvalidRequest, NameTaken
from mcp_automl.domain.outlook import next_look_seconds, remaining_seconds
from mcp_automl.domain.study import (
    COUNTED,
    Study,
    StudyState,
    Trial,
    TrialState,
    check_budget,
    check_n_trials,
    counted,
)
from mcp_automl.folders import Folders
from mcp_automl.joblogs import JobLogs
from mcp_automl.launcher import Launcher
from mcp_automl.liveness import Liveness
from mcp_automl.ports import StudyRegistry, Trainers
from mcp_automl.refusals import (
    checked_name,
    no_such_study,
    nothing_to_show,
    refuse_foreign,
    refuse_other_search,
)
from mcp_automl.settings import Settings

DEFAULT_TRIALS = 20
DEFAULT_EPOCHS_MAX = 5
MAX_TOP_K = 50


class Service:
    """The use cases of one workspace.

    Args:
        devices: describes the machine's devices, such as `cuda:0`.
        owner: who is asking; stored with every study.
    """

    def __init__(
        self,
        *,
        registry: StudyRegistry,
        trainers: Trainers,
        launcher: Launcher,
        settings: Settings,
        devices: Callable[[], str],
        owner: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._trainers = trainers
        self._liveness = Liveness(registry, launcher, settings, now)
        folders = Folders(studies=settings.studies_dir, data=settings.data_path)
        self._logs = JobLogs(registry, folders)
        self._settings = settings
        self._devices = devices
        self._owner = owner
        self._now = now

    def start_study(
        self,
        name: str,
        model: str | None = None,
        n_trials: int | None = None,
        epochs_max: int | None = None,
        cost_budget_usd: float | None = None,
    ) -> Started:
        """Starts a study, or goes on with one: `n_trials` is its total.

        What is left out keeps its stored value for a study that exists, and gets the default for a
        new one. Returns at once; the study runs in the background.

        Raises:
            InvalidRequest: a value is out of range, or would change what was already searched.
            NameTaken: the name belongs to a study of another model, or to plain Optuna.
            TrainerUnavailable: the model's packages are not installed.
        """
        existing = self._registry.find(checked_name(name))
        if existing is None:
            try:
                study = self._create(
                    name, "mnist" if model is None else model, n_trials, epochs_max, cost_budget_usd
                )
                return self._started(study, created=True)
            except NameTaken:
                # Another server was first by milliseconds: then it is a study that exists.
                existing = self._found(name)
        refuse_other_search(existing, model, epochs_max)
        return self._go_on(existing, n_trials, cost_budget_usd)

    def _create(
        self,
        name: str,
        model: str,
        n_trials: int | None,
        epochs_max: int | None,
        cost_budget_usd: float | None,
    ) -> Study:
        config = self._trainers.config(
            name,
            model,
            n_trials=DEFAULT_TRIALS if n_trials is None else n_trials,
            epochs_max=DEFAULT_EPOCHS_MAX if epochs_max is None else epochs_max,
            cost_budget_usd=cost_budget_usd,
            # Two studies shall not begin with the same guesses; the same study always does.
            seed=zlib.crc32(name.encode()),
            owner=self._owner,
        )
        self._trainers.check_installed(model)
        return self._registry.create(config)

    def _go_on(self, study: Study, n_trials: int | None, cost_budget_usd: float | None) -> Started:
        config = study.config
        total = config.n_trials if n_trials is None else n_trials
        budget = config.cost_budget_usd if cost_budget_usd is None else cost_budget_usd
        check_n_trials(total)
        check_budget(budget)
        self._trainers.check_installed(config.model)
        done = counted(self._registry.progress(study).counts)
        same_budget = budget == config.cost_budget_usd
        if study.state is StudyState.COMPLETE and done >= total and same_budget:
            return self._started(study, nothing_to_run=True)
        unchanged = same_budget and total == config.n_trials
        if study.state.should_run and unchanged and not study.stop_requested:
            return self._started(study)
        retargeted = self._registry.retarget(study.id, n_trials=total, cost_budget_usd=budget)
        return self._started(retargeted)

    def _started(
        self, study: Study, *, created: bool = False, nothing_to_run: bool = False
    ) -> Started:
        notes = () if nothing_to_run else self._liveness.ensure(study, asked_now=True)
        return Started(
            study=study,
            done=0 if created else counted(self._registry.progress(study).counts),
            created=created,
            nothing_to_run=nothing_to_run,
            expected_data=study.data or self._latest_data(study.config.model),
            max_parallel=self._settings.max_parallel_trials,
            devices=self._devices(),
            notes=notes,
        )

    def _latest_data(self, model: str) -> str:
        earlier = (s.data for s in self._registry.studies() if s.config.model == model)
        return next((data for data in earlier if data), "")

    def stop_study(self, name: str) -> Stopped:
        """Asks a study to stop; returns at once. What has ended already is left as it is.

        Raises:
            StudyNotFound: there is no study of that name.
            NameTaken: plain Optuna made it; it does not run here.
        """
        study = self._found(name)
        refuse_foreign(study)
        stopped = self._registry.stop(study.id) if study.state.should_run else study
        # Who died running it left trials that only an orchestrator can put in order.
        notes = self._liveness.ensure(stopped, asked_now=True) if stopped.state.should_run else ()
        return Stopped(
            study=stopped,
            ran=stopped.revision != study.revision or stopped.stop_requested,
            counts=self._registry.progress(stopped).counts,
            notes=notes,
        )

    def status(self, name: str) -> StudyStatus:
        """Where the study stands; wakes an orchestrator if it should run and none lives.

        Raises:
            StudyNotFound: there is no study of that name.
        """
        study = self._found(name)
        notes = self._liveness.ensure(study) if study.state.should_run else ()
        notes += self._logs.of_failed(study)
        progress = self._registry.progress(study)
        remaining = remaining_seconds(
            missing=study.config.n_trials - counted(progress.counts),
            finished_seconds=progress.finished_seconds,
            parallel=self._settings.max_parallel_trials,
        )
        # A study that is stopping ends within seconds.
        look = next_look_seconds(0.0 if study.stop_requested else remaining)
        goes_on = study.state.should_run and not study.stop_requested
        best = self._best(study)
        return StudyStatus(
            study=study,
            counts=progress.counts,
            best=best,
            best_measured=self._registry.last_measurement(study, best.number) if best else None,
            running=self._running(study),
            elapsed_s=self._elapsed(study),
            remaining_s=remaining if goes_on else None,
            cost_usd=progress.cost_usd,
            pruned_for_cost=progress.pruned_for_cost,
            next_look_s=look if study.state.should_run else None,
            notes=(*notes, *self._liveness.tracking()),
        )

    def studies(self) -> list[StudySummary]:
        """All studies, newest first."""
        return [self._summary(study) for study in self._registry.studies()]

    def _summary(self, study: Study) -> StudySummary:
        progress = self._registry.progress(study)
        finished = self._registry.trials(study, COUNTED)
        return StudySummary(
            study=study,
            counts=progress.counts,
            best=leaderboard.best(finished, study.config.objective),
            cost_usd=progress.cost_usd,
        )

    def compare(self, name: str, top_k: int = 5) -> Comparison:
        """The study's `top_k` best trials.

        Raises:
            StudyNotFound: there is no study of that name.
            InvalidRequest: `top_k` is not from 1 to 50.
            NothingToShow: no trial has finished.
        """
        study = self._found(name)
        if not 1 <= top_k <= MAX_TOP_K:
            raise InvalidRequest(f"top_k must be from 1 to {MAX_TOP_K}, not {top_k}")
        finished = self._registry.trials(study, COUNTED)
        ranked = leaderboard.top(finished, study.config.objective, top_k)
        if not ranked:
            raise nothing_to_show(study)
        trials = tuple(self._registry.trial(study, trial.number) for trial in ranked)
        return Comparison(study=study, trials=trials)

    def best(self, name: str) -> BestParams:
        """The study's best trial with its parameters.

        Raises:
            StudyNotFound: there is no study of that name.
            NothingToShow: no trial has finished.
        """
        study = self._found(name)
        trial = self._best(study)
        if trial is None:
            raise nothing_to_show(study)
        return BestParams(study=study, trial=trial)

    def _best(self, study: Study) -> Trial | None:
        finished = self._registry.trials(study, COUNTED)
        best = leaderboard.best(finished, study.config.objective)
        return None if best is None else self._registry.trial(study, best.number)

    def job_log(self, job: str) -> JobLog:
        """The end of what a job, such as `mnist-opt-1.3`, has printed; raises JobNotFound."""
        return self._logs.read(job)

    def _running(self, study: Study) -> tuple[RunningTrial, ...]:
        running = self._registry.trials(study, (TrialState.RUNNING,))
        return tuple(self._running_trial(study, trial.number) for trial in running)

    def _running_trial(self, study: Study, number: int) -> RunningTrial:
        trial = self._registry.trial(study, number)
        epochs = trial.params.get("epochs")
        return RunningTrial(
            trial=trial,
            last=self._registry.last_measurement(study, number),
            epochs=epochs if isinstance(epochs, int) else None,
        )

    def _found(self, name: str) -> Study:
        study = self._registry.find(name)
        if study is None:
            raise no_such_study(name, [s.config.name for s in self._registry.studies()])
        return study

    def _elapsed(self, study: Study) -> float:
        if study.started_at is None:
            return 0.0
        return max(0.0, (study.ended_at or self._now()) - study.started_at)
