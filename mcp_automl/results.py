"""What studies have brought so far: the list of them, their best trials, and the best of these."""

from dataclasses import dataclass

from mcp_automl.answers import BestParams, Comparison, StudyList, StudySummary
from mcp_automl.domain import leaderboard
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown
from mcp_automl.domain.paging import Page
from mcp_automl.domain.study import Study, Trial
from mcp_automl.domain.tracking import TrackedRun, experiment, run_key, tracked_as
from mcp_automl.folders import Folders
from mcp_automl.ports import StudyRegistry
from mcp_automl.refusals import nothing_to_show

MAX_TOP_K = 50


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one workspace's studies.

    Args:
        origin: under which its runs are tracked.
    """

    registry: StudyRegistry
    folders: Folders
    origin: str

    def listed(self, page: Page) -> StudyList:
        """A page of the studies, newest first; only its own are looked into."""
        studies = self.registry.studies()
        shown = tuple(self.summary(study) for study in page.of(studies))
        return StudyList(studies=shown, total=len(studies), page=page)

    def summary(self, study: Study) -> StudySummary:
        """A study's line in the list."""
        progress = self.registry.progress(study)
        return StudySummary(
            study=study,
            counts=progress.counts,
            best=self._leader(study),
            cost_usd=progress.cost_usd,
        )

    def compare(self, study: Study, top_k: int) -> Comparison:
        """The study's `top_k` best trials.

        Raises:
            InvalidRequest: `top_k` is not from 1 to 50.
            NothingToShow: no trial has finished.
        """
        if not 1 <= top_k <= MAX_TOP_K:
            raise InvalidRequest(f"top_k must be from 1 to {MAX_TOP_K}, not {shown(top_k)}")
        leading = self.registry.leading(study, top_k)
        ranked = leaderboard.top(leading, study.config.objective, top_k)
        if not ranked:
            raise nothing_to_show(study)
        trials = tuple(self.registry.trial(study, trial.number) for trial in ranked)
        return Comparison(study=study, trials=trials)

    def best_params(self, study: Study) -> BestParams:
        """The study's best trial, for training again; raises NothingToShow if there is none."""
        trial = self.best(study)
        if trial is None:
            raise nothing_to_show(study)
        if study.id < 0:
            return BestParams(study=study, trial=trial)
        return BestParams(
            study=study,
            trial=trial,
            model_file=self.folders.model(study, trial.number),
            run=self._run(study, trial),
        )

    def _run(self, study: Study, trial: Trial) -> TrackedRun:
        return TrackedRun(
            experiment=experiment(study.config.model),
            key=run_key(tracked_as(study), trial.number, origin=self.origin),
        )

    def best(self, study: Study) -> Trial | None:
        """The study's best trial, complete."""
        best = self._leader(study)
        return None if best is None else self.registry.trial(study, best.number)

    def _leader(self, study: Study) -> Trial | None:
        """The study's best trial, without its parameters."""
        return leaderboard.best(self.registry.leading(study, 1), study.config.objective)
