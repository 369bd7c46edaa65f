"""What can be drawn of a study."""

from enum import Enum

from mcp_automl.domain.bounds import one_of
from mcp_automl.domain.errors import NothingToShow
from mcp_automl.domain.study import Study


class Kind(Enum):
    HISTORY = "history"
    IMPORTANCE = "importance"
    PARALLEL = "parallel"
    SLICE = "slice"
    CONTOUR = "contour"
    TIMELINE = "timeline"
    INTERMEDIATE = "intermediate"
    PARETO = "pareto"

    @classmethod
    def of(cls, word: str | None) -> "Kind":
        """The kind of that name; the history where none is named. Raises InvalidRequest."""
        return one_of(cls, word, "kind") or cls.HISTORY


def not_drawn(study: Study, why: str) -> NothingToShow:
    """Why a kind cannot be drawn, and which always can."""
    call = f'plot_automl_study(study_name="{study.config.name}", kind="history")'
    return NothingToShow(f"{why}; call {call} instead")
