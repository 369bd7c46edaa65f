"""Where jobs find and leave files.

Folders are named by numbers alone, so that no name that somebody thought of can lead elsewhere.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from mcp_automl.domain.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The folders of one workspace."""

    studies: Path
    data: Path

    def trial(self, study: Study, number: int) -> Path:
        return self.studies / str(study.id) / "trials" / str(number)

    def log(self, study: Study, number: int) -> Path:
        """What the trial's trainings print, one after the other."""
        return self.trial(study, number) / "log.txt"

    def finished(self, study: Study, waiting: Collection[int]) -> Iterator[Path]:
        """Folders of trials that have been started and are not among the waiting ones."""
        kept = {self.trial(study, number) for number in waiting}
        yield from (it for it in self.trial(study, 0).parent.glob("*") if it not in kept)
