"""Where jobs find and leave files.

Folders are named by numbers alone, so that no name that somebody thought of can lead elsewhere.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from mcp_automl.domain.study import Study

LOG = "log.txt"

MODELS = ("model.safetensors", "adapter_model.safetensors")
"""What a model's weights are called; beside them lies what belongs to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The folders of one workspace."""

    studies: Path
    data: Path

    def of(self, study_id: int) -> Path:
        """All that is a study's."""
        return self.studies / str(study_id)

    def trial(self, study: Study, number: int) -> Path:
        return self.of(study.id) / "trials" / str(number)

    def log(self, study: Study, number: int) -> Path:
        """What the trial's trainings print, one after the other."""
        return self.trial(study, number) / LOG

    def model(self, study: Study, number: int) -> Path | None:
        """The trial's model, if it is there."""
        files = (self.trial(study, number) / name for name in MODELS)
        return next((file for file in files if file.exists()), None)

    def finished(self, study: Study, but: Collection[int]) -> Iterator[Path]:
        """Folders of trials that have been started, but for those of these numbers."""
        kept = {self.trial(study, number) for number in but}
        yield from (it for it in self.trial(study, 0).parent.glob("*") if it not in kept)
