"""The use cases behind tools and command line, in domain words.

Every call returns within a fraction of a second: it reads the database or writes an intention into
it, and makes sure that an orchestrator lives where one is needed, be it for another study. Refused
calls change nothing.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from mcp_automl.accounts import Accounts
from mcp_automl.answers import (
    BestParams,
    Comparison,
    Deleted,
    Exported,
    JobLog,
    Quoted,
    Started,
    Stopped,
    StudyList,
    StudyStatus,
)
from mcp_automl.archive import Archive
from mcp_automl.costs import Costs
from mcp_automl.deletion import Deletions
from mcp_automl.domain.costs import CostReport
from mcp_automl.domain.errors import NameTaken
from mcp_automl.domain.machine import Machine
from mcp_automl.domain.paging import FIRST_PAGE, Page
from mcp_automl.domain.request import StudyRequest, runs_nothing
from mcp_automl.domain.study import Study, StudyConfig, Target, counted
from mcp_automl.export_pages import FIRST_PIECE, Piece
from mcp_automl.exports import Exports
from mcp_automl.folders import Folders
from mcp_automl.forecasts import Forecasts
from mcp_automl.jobdesk import JobDesk
from mcp_automl.joblogs import JobLogs
from mcp_automl.jobstore import JobStore
from mcp_automl.launcher import Launcher
from mcp_automl.liveness import Liveness
from mcp_automl.ports import Changes, StudyRegistry
from mcp_automl.quotes import Quotes
from mcp_automl.refusals import budget_is_spent, no_such_study, refuse_foreign, search_stays
from mcp_automl.repertoire import Trainers
from mcp_automl.requests import Requests
from mcp_automl.results import Results
from mcp_automl.settings import Settings
from mcp_automl.statuses import Statuses, searched
from mcp_automl.trial_pages import TrialPages

if TYPE_CHECKING:
    from mcp_automl.domain.explanation import Explanation
    from mcp_automl.domain.pictures.canvas import Picture
    from mcp_automl.pictures import Pictures


class Service:
    """The use cases of one workspace.

    Args:
        devices: describes the machine's devices, such as `cuda:0`.
        gpus: the names of its GPUs.
        cores: how many CPU cores it has for trainings.
        owner: who is asking; stored with every study.
    """

    def __init__(
        self,
        *,
        registry: StudyRegistry,
        trainers: Trainers,
        launcher: Launcher,
        settings: Settings,
        accounts: Accounts,
        archive: Archive,
        jobs: JobStore,
        devices: Callable[[], str],
        gpus: Callable[[], Collection[str]],
        cores: Callable[[], int],
        owner: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._registry, self.trainers = registry, trainers
        self._liveness = Liveness(registry, launcher, settings, now)
        machine = partial(Machine.seen, gpus, cores)
        self._requests = Requests(
            registry, trainers, machine, prices=self._liveness.prices, gpus=gpus, owner=owner
        )
        folders = Folders(studies=settings.studies_dir, data=settings.data_path)
        self._logs = JobLogs(registry, jobs, folders)
        self._results = Results(registry, folders, settings.tracking_origin)
        self._archive, self._costs = archive, Costs(accounts, now)
        self._exports = Exports(archive, self._results, trainers, settings.exports_dir, now)
        self._deletions = Deletions(archive=archive, folders=folders)
        self.pages = TrialPages(registry, archive, self._logs, self._results, self._seen)
        forecasts = Forecasts(registry, accounts, settings.max_parallel_trials, now)
        self._statuses = Statuses(
            registry, self._liveness, self._logs, self._results, self._costs, jobs, forecasts, now
        )
        self._quotes = Quotes(registry, accounts, trainers, machine, settings, devices)
        self._settings, self._devices, self._now = settings, devices, now
        self.desk = JobDesk(
            jobs, registry, trainers, machine, accounts=accounts, liveness=self._liveness, now=now,
            forecasts=forecasts, folders=folders, logs=self._logs, settings=settings,
            devices=devices, owner=owner,
        )  # fmt: skip

    def start_study(self, request: StudyRequest) -> Started:
        """Starts a study, or goes on with one: `n_trials` is its total.

        What is left out keeps its stored value for a study that exists, and gets the default for a
        new one. Returns at once; the study runs in the background.

        Raises:
            InvalidRequest: a value is out of range, or would change what was already searched.
            NameTaken: the name belongs to a study of another model, or to plain Optuna.
            TrainerUnavailable: the model's packages are not installed.
        """
        existing, wanted = self._requests.understood(request)
        if existing is None:
            try:
                return self._started(self._registry.create(wanted), created=True)
            except NameTaken:
                # Another server was first by milliseconds: then it is a study that exists.
                existing, wanted = self._requests.understood(request)
        assert existing is not None
        return self._go_on(existing, wanted, request.target)

    def quote_study(self, request: StudyRequest) -> Quoted:
        """What `start_study` would do and cost; it starts and stores nothing.

        Raises:
            AutomlError: whatever `start_study` would refuse.
        """
        existing, wanted = self._requests.understood(request)
        self._liveness.rouse()
        return self._quotes.of(existing, wanted)

    def _go_on(self, study: Study, wanted: StudyConfig, target: Target) -> Started:
        if runs_nothing(study, wanted, counted(self._registry.progress(study).counts)):
            answer = self._started(study, nothing_to_run=True)
            return replace(answer, notes=(*search_stays(study, wanted), *answer.notes))
        if study.state.should_run and wanted == study.config and not study.stop_requested:
            return self._started(study)
        return self._started(self._registry.retarget(study.id, target))

    def _started(
        self, study: Study, *, created: bool = False, nothing_to_run: bool = False
    ) -> Started:
        progress = self._registry.progress(study)
        life = self._liveness.ensure(study, asked_now=True)
        return Started(
            study=study,
            done=counted(progress.counts),
            created=created,
            nothing_to_run=nothing_to_run,
            expected_data=study.data or self._latest_data(study.config.model),
            max_parallel=self._quotes.parallel(study.config.model),
            devices=self._devices(),
            search=searched(study, progress),
            notes=(*budget_is_spent(study, progress.cost_usd), *life),
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
        return Stopped(
            study=stopped,
            ran=stopped.revision != study.revision or stopped.stop_requested,
            counts=self._registry.progress(stopped).counts,
            # Who died running it left trials that only an orchestrator can put in order.
            notes=self._liveness.ensure(stopped, asked_now=True),
        )

    def delete_study(self, name: str, confirm: str) -> Deleted:
        """Deletes a study that has ended; its cost stays. `Deletions.delete` has the errors."""
        return self._deletions.delete(self._seen(name), name, confirm)

    def status(self, name: str) -> StudyStatus:
        """Where the study stands.

        Raises:
            StudyNotFound: there is no study of that name.
        """
        return self._statuses.of(self._found(name))

    def studies(self, page: Page = FIRST_PAGE) -> StudyList:
        """Studies, newest first."""
        self._liveness.rouse()
        with self._registry.view():
            return self._results.listed(page)

    def names(self, *, read_only: bool = True) -> list[str]:
        """Studies' names, newest first; with or without those that can only be read."""
        return [s.config.name for s in self._registry.studies() if read_only or s.id > 0]

    def compare(self, name: str, top_k: int = 5) -> Comparison:
        """The study's `top_k` best trials.

        Raises:
            StudyNotFound: there is no study of that name.
            InvalidRequest: `top_k` is not from 1 to 50.
            NothingToShow: no trial has finished.
        """
        return self._results.compare(self._seen(name), top_k)

    def best(self, name: str) -> BestParams:
        """The study's best trial with its parameters.

        Raises:
            StudyNotFound: there is no study of that name.
            NothingToShow: no trial has finished.
        """
        best = self._results.best_params(self._seen(name))
        return replace(
            best,
            runs_alone=self.trainers.runs_alone(best.study.config.model),
            verification=self.desk.jobs.verification(best.study, best.params),
        )

    def export_study(self, name: str, format: str | None = None) -> Exported:
        """Writes the study to a file in the workspace; see `Exports.export`, also for errors.

        Raises:
            StudyNotFound: there is no study of that name.
        """
        return self._exports.export(self._seen(name), format)

    def exported(self, file: str, piece: Piece = FIRST_PIECE) -> str:
        """What such a file holds, of a table that piece; raises ExportNotFound."""
        return self._exports.read(file, piece)

    def picture(self, name: str, kind: str | None = None) -> "Picture":
        """A picture of the study, still to be drawn; see `Pictures.picture`, also for errors."""
        return self._pictures.picture(self._seen(name), kind)

    def explain(self, name: str) -> "Explanation":
        """Which parameters mattered; see `Pictures.explain`, also for errors."""
        return self._pictures.explain(self._seen(name))

    def cost_report(self, group_by: str | None = None, since: str | None = None) -> CostReport:
        """What all studies have cost; see `Costs.report`, also for what it raises."""
        self._liveness.rouse()
        return self._costs.report(group_by, since)

    def marks(self) -> Mapping[str, object]:
        """Of every study and job by name something that changes whenever anything of it does."""
        return self._registry.marks()

    def changes(self) -> Changes:
        """A look-out for whatever is written to the workspace's database."""
        return self._registry.changes()

    def rouse(self) -> None:
        """Sees to it that whatever waits goes on; where there is no workspace yet, none is made."""
        if self._settings.database.exists():
            self._liveness.rouse()

    def job_log(self, job: str) -> JobLog:
        """The end of what a job, such as `mnist-opt-1.3`, has printed; raises JobNotFound."""
        self._liveness.rouse()
        return self._logs.read(job)

    @cached_property
    def _pictures(self) -> "Pictures":
        # Not with the rest: a fresh server's first answer would wait.
        from mcp_automl.pictures import Pictures

        return Pictures(self._registry, self._archive, self.trainers)

    def _seen(self, name: str) -> Study:
        """The study of that name, for one who only reads; whatever should run is seen to."""
        study = self._found(name)
        self._liveness.rouse()
        return study

    def _found(self, name: str) -> Study:
        study = self._registry.find(name)
        if study is None:
            self._liveness.rouse()
            raise no_such_study(name, [s.config.name for s in self._registry.studies()])
        return study
