"""The use cases that show a study: its pictures, and what its trials say about its parameters.

Of a large study only what is drawn or judged is read with its parameters.
"""

from dataclasses import dataclass

from mcp_automl.archive import Archive
from mcp_automl.domain.explanation import Explanation, explanation
from mcp_automl.domain.finished import Finished
from mcp_automl.domain.insight import MOST_TRIALS, Insight, insight
from mcp_automl.domain.pictures import timeline
from mcp_automl.domain.pictures.canvas import Picture
from mcp_automl.domain.pictures.contour import contour
from mcp_automl.domain.pictures.history import history
from mcp_automl.domain.pictures.importances import importances
from mcp_automl.domain.pictures.intermediate import intermediate, worth_curves
from mcp_automl.domain.pictures.kinds import Kind
from mcp_automl.domain.pictures.parallel import parallel
from mcp_automl.domain.pictures.pareto import pareto
from mcp_automl.domain.pictures.slices import slices
from mcp_automl.domain.study import COUNTED, Study
from mcp_automl.ports import StudyRegistry
from mcp_automl.refusals import nothing_to_show


@dataclass(frozen=True, slots=True)
class Pictures:
    """Looks at the studies of one workspace."""

    registry: StudyRegistry
    archive: Archive

    def picture(self, study: Study, kind: str | None) -> Picture:
        """What there is to draw, and the same in words.

        Raises:
            InvalidRequest: there is no such kind.
            NothingToShow: no trial has finished, or what that kind shows is not there.
        """
        chosen = Kind.of(kind)
        seen = self._finished(study)
        match chosen:
            case Kind.HISTORY:
                return history(seen)
            case Kind.TIMELINE:
                latest, total = self.archive.attempts(study, timeline.MOST)
                return timeline.timeline(study, latest, total, seen.best.number)
            case Kind.INTERMEDIATE:
                return intermediate(seen, self.archive.curves(study, worth_curves(seen)))
            case _:
                return self._of_parameters(chosen, seen)

    def explain(self, study: Study) -> Explanation:
        """Which parameters mattered, and what to try next.

        Raises:
            NothingToShow: no trial has finished.
        """
        seen = self._finished(study)
        some = self._with_parameters(seen)
        return explanation(some, insight(some, len(seen.ranked)))

    def _of_parameters(self, kind: Kind, seen: Finished) -> Picture:
        if kind is Kind.PARETO:
            return pareto(seen.costing(self.archive.costs(seen.study)))
        some = self._with_parameters(seen)
        found: Insight = insight(some, len(seen.ranked))
        drawn = {
            Kind.IMPORTANCE: importances,
            Kind.PARALLEL: parallel,
            Kind.SLICE: slices,
            Kind.CONTOUR: contour,
        }
        return drawn[kind](some, found)

    def _finished(self, study: Study) -> Finished:
        seen = Finished.of(study, self.registry.trials(study, COUNTED))
        if not seen.ranked:
            raise nothing_to_show(study)
        return seen

    def _with_parameters(self, seen: Finished) -> Finished:
        numbers = [trial.number for trial in seen.thinned(MOST_TRIALS).ranked]
        return Finished.of(seen.study, self.archive.chosen(seen.study, numbers))
