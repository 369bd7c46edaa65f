"""A study's trials in pages, and one trial with all that is known of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcp_automl.answers import Comparison, TrialPage, TrialShown
from mcp_automl.archive import Archive
from mcp_automl.domain.errors import InvalidRequest, JobNotFound, NothingToShow, TrialNotFound
from mcp_automl.domain.paging import Page, thinned
from mcp_automl.domain.study import Study, TrialState
from mcp_automl.joblogs import JobLogs
from mcp_automl.ports import StudyRegistry
from mcp_automl.results import Results

LOG_LINES = 10
TOP = 10
"""Of how many trials a report tells."""


@dataclass(frozen=True, slots=True)
class TrialPages:
    """The trials of one workspace's studies."""

    registry: StudyRegistry
    archive: Archive
    logs: JobLogs
    results: Results
    find: Callable[[str], Study]
    """The study of a name; raises StudyNotFound."""

    def top(self, name: str) -> Comparison | None:
        """A study's ten best; None while none has finished. Raises StudyNotFound."""
        try:
            return self.results.compare(self.find(name), TOP)
        except NothingToShow:
            return None

    def page(self, name: str, page: Page, state: str | None = None) -> TrialPage:
        """Trials by number, with parameters, cost and reason.

        Args:
            state: only those in this state; all where it is left out.

        Raises:
            StudyNotFound, InvalidRequest: there is no such study, or no such state.
        """
        study = self.find(name)
        found = sorted(self.registry.trials(study, _states(state)), key=lambda it: it.number)
        trials = tuple(self.registry.trial(study, it.number) for it in page.of(found))
        return TrialPage(study=study, trials=trials, page=page, total=len(found))

    def trial(self, name: str, number: int) -> TrialShown:
        """One trial; raises StudyNotFound and TrialNotFound."""
        study = self.find(name)
        try:
            trial = self.registry.trial(study, number)
        except LookupError as error:
            raise TrialNotFound(
                f"{study.config.name!r} has no trial #{number}; read "
                f"automl://studies/{study.config.name}/trials to see which there are"
            ) from error
        measured = self.archive.measurements(study, number)
        return TrialShown(
            study=study,
            trial=trial,
            measurements=tuple(thinned(measured)),
            epochs=len(measured),
            log=self._log(study, number),
        )

    def _log(self, study: Study, number: int) -> tuple[str, ...]:
        try:
            lines = self.logs.read(f"{study.config.name}.{number}").lines
        except JobNotFound:
            return ()
        return lines[-LOG_LINES:]


def _states(word: str | None) -> Sequence[TrialState]:
    if word is None:
        return tuple(TrialState)
    try:
        return (TrialState(word.strip().upper()),)
    except ValueError as error:
        known = ", ".join(state.value for state in TrialState)
        raise InvalidRequest(f"state must be one of {known}, not {word[:40]!r}") from error
