"""Training jobs: from parameters that somebody likes to a model, or to the truth about a win."""

from collections.abc import Callable, Sequence

from mcp_automl.accounts import Accounts
from mcp_automl.domain.errors import JobNotFound
from mcp_automl.domain.job_request import JobRequest
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Study, StudyState, Trial, TrialState
from mcp_automl.domain.tracking import TrackedRun, experiment, run_key
from mcp_automl.domain.verification import Verification, verify
from mcp_automl.folders import Folders
from mcp_automl.job_answers import Cancelled, JobShown, JobStarted
from mcp_automl.job_requests import JobRequests
from mcp_automl.joblogs import JobLogs
from mcp_automl.jobstore import JobStore
from mcp_automl.liveness import Liveness
from mcp_automl.ports import StudyRegistry
from mcp_automl.quotes import estimate
from mcp_automl.settings import Settings

LATEST = 100
"""How many jobs are listed."""


class TrainingJobs:
    """The training jobs of one workspace.

    Args:
        now: wall clock seconds.
    """

    def __init__(
        self,
        store: JobStore,
        registry: StudyRegistry,
        requests: JobRequests,
        *,
        liveness: Liveness,
        accounts: Accounts,
        folders: Folders,
        logs: JobLogs,
        settings: Settings,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._registry = registry
        self._requests = requests
        self._liveness = liveness
        self._accounts = accounts
        self._folders = folders
        self._logs = logs
        self._settings = settings
        self._now = now

    def start(self, request: JobRequest) -> JobStarted:
        """Puts a training into the queue; returns at once.

        Raises:
            InvalidRequest: a value is out of range, or two contradict each other.
            StudyNotFound, NothingToShow: there is no such study, or nothing to take from it.
            TrainerUnavailable: the model's packages are not installed.
        """
        config, origin = self._requests.understood(request)
        job = self._store.create(config, origin)
        return JobStarted(
            job=job,
            quote=estimate(
                self._accounts,
                config,
                trials=config.n_trials,
                parallel=self._settings.max_parallel_trials,
            ),
            data=job.data,
            notes=self._liveness.ensure(job, asked_now=True),
        )

    def cancel(self, name: str) -> Cancelled:
        """Ends a job, whether it waits or runs; harmless if it has ended. Raises JobNotFound."""
        job = self._found(name)
        runs = job.state.should_run and not job.stop_requested
        stopped = self._registry.stop(job.id) if runs else job
        self._liveness.ensure(stopped, asked_now=True)
        return Cancelled(job=stopped, ran=stopped.revision != job.revision)

    def show(self, name: str) -> JobShown:
        """Where a job stands; raises JobNotFound."""
        job = self._found(name)
        notes = self._liveness.ensure(job) + self._logs.of_failed(job)
        return self.shown(job, notes + self._on_its_way(job))

    def _on_its_way(self, job: Study) -> tuple[str, ...]:
        """What to know of a job that has just ended: its model comes to MLflow a little later."""
        waiting = self._registry.backlog().entries
        if job.state is not StudyState.COMPLETE or not waiting:
            return ()
        which = "perhaps this job's model among them"
        return (f"{waiting} entries are on their way to MLflow, {which}; look again in a minute",)

    def latest(self) -> Sequence[Study]:
        """The latest jobs, newest first."""
        return self._store.latest(LATEST)

    def shown(self, job: Study, notes: tuple[str, ...] = ()) -> JobShown:
        """Where a job stands that was read before."""
        runs = tuple(self._store.runs(job))
        alone = len(job.config.first) == 1 and bool(runs)
        return JobShown(
            job=job,
            runs=runs,
            last=self._registry.last_measurement(job, runs[0].number) if alone else None,
            cost_usd=self._registry.progress(job).cost_usd,
            elapsed_s=job.elapsed_s(self._now()),
            model_file=self._folders.model(job, runs[0].number) if alone else None,
            run=TrackedRun(
                experiment=experiment(job.config.model),
                key=run_key(job.config.name, origin=self._settings.tracking_origin),
            ),
            verification=_verified(job, runs),
            notes=notes,
        )

    def verification(self, study: Study, params: Params) -> Verification | None:
        """The latest check of whether the win of these parameters is real, if there was one."""
        job = self._store.verifying(study, params)
        return None if job is None else _verified(job, self._store.runs(job))

    def _found(self, name: str) -> Study:
        job = self._store.find(name)
        if job is None:
            self._liveness.rouse()
            raise self._no_such_job(name)
        return job

    def _no_such_job(self, name: str) -> JobNotFound:
        study = self._registry.find(name.rpartition(".")[0])
        if study is not None:
            return JobNotFound(
                f"{name[:80]!r} is a trial of the study {study.config.name!r}, and no training "
                "job; stop_automl_study stops a study, get_automl_study_status shows its trials"
            )
        known = ", ".join(job.config.name for job in self._store.latest(10)) or "there are none yet"
        return JobNotFound(
            f"there is no training job {name[:80]!r}; the latest jobs: {known}. Call "
            "get_queue_status to see them, or trigger_training_job to start one"
        )


def _verified(job: Study, runs: Sequence[Trial]) -> Verification | None:
    """Best against second best; None until all of both are there."""
    it = job.config.job
    if it is None or not it.verifies:
        return None
    done = {run.number: run.value for run in runs if run.state is TrialState.COMPLETE}
    values = [value for _, value in sorted(done.items()) if value is not None]
    if len(values) != len(it.points) or max(done) >= len(values):
        return None
    # As they were put in: the best and the second best in turn.
    return verify(values[::2], values[1::2], job.config.objective)
