"""The seam to the trainers that there are, as `ports.py` has the others."""

from collections.abc import Sequence
from typing import Protocol

from mcp_automl.domain.declared import DeclaredTrainer
from mcp_automl.domain.script import Needs
from mcp_automl.domain.search import Search
from mcp_automl.domain.study import StudyConfig


class Trainers(Protocol):
    """What the use cases need to know of trainers; `catalog.Catalog` is the real one."""

    def check_installed(self, model: str) -> None: ...

    def runs_alone(self, model: str) -> bool: ...

    def config(
        self, name: str, model: str, *, n_trials: int, epochs_max: int | None,
        seed: int, owner: str, search_space: object,
    ) -> StudyConfig: ...  # fmt: skip

    def search(self, model: str, search_space: object, epochs_max: int | None) -> Search: ...

    @property
    def names(self) -> Sequence[str]: ...

    def spelled(self, model: str | None) -> str | None: ...

    def declaration(self, model: str) -> DeclaredTrainer: ...

    def needs(self, model: str) -> Needs: ...
