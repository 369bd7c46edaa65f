"""The use cases that show a study: its pictures, and what its trials say about its parameters.

Of a large study only what is drawn or judged is read with its parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mcp_automl.archive import Archive
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.explanation import Explanation, explanation
from mcp_automl.domain.finished import Finished
from mcp_automl.domain.insight import insight
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
from mcp_automl.domain.sample import Sample
from mcp_automl.domain.space import Parameter
from mcp_automl.domain.study import COUNTED, Study
from mcp_automl.ports import StudyRegistry
from mcp_automl.refusals import nothing_to_show
from mcp_automl.repertoire import Trainers


@dataclass(frozen=True, slots=True)
class Pictures:
    """Looks at the studies of one workspace."""

    registry: StudyRegistry
    archive: Archive
    trainers: Trainers

    def picture(self, study: Study, kind: str | None) -> Picture:
        """What there is to draw, and the same in words.

        Raises:
            InvalidRequest: there is no such kind.
            NothingToShow: no trial has finished, or what that kind shows is not there.
        """
        chosen = Kind.of(kind)
        seen = self._finished(study)
        return replace(self._made(chosen, seen), of=seen)

    def _made(self, chosen: Kind, seen: Finished) -> Picture:
        study = seen.study
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
        sample = self._sample(self._finished(study))
        return explanation(sample.whole, insight(sample), self._widest(study))

    def _of_parameters(self, kind: Kind, seen: Finished) -> Picture:
        if kind is Kind.PARETO:
            return pareto(seen.costing(self.archive.costs(seen.study)))
        sample = self._sample(seen)
        if kind is Kind.IMPORTANCE:
            return importances(seen, insight(sample))
        return {Kind.PARALLEL: parallel, Kind.SLICE: slices, Kind.CONTOUR: contour}[kind](sample)

    def _finished(self, study: Study) -> Finished:
        seen = Finished.of(study, self.registry.trials(study, COUNTED))
        if not seen.ranked:
            raise nothing_to_show(study)
        return seen

    def _widest(self, study: Study) -> Mapping[str, Parameter]:
        try:
            declared = self.trainers.declaration(study.config.model).parameters
        except InvalidRequest:
            # Its trainer is gone, or it was never one of ours.
            return {}
        return {it.name: it.widest for it in declared if it.widest is not None}

    def _sample(self, whole: Finished) -> Sample:
        return Sample.of(whole, self.archive.chosen(whole.study, Sample.numbers(whole)))
