"""The seam through which a whole study leaves the database: written out trial by trial, or deleted.

The side of tool calls, like `ports.StudyRegistry`: synchronous, standard library only.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from mcp_automl.domain.study import Study, Trial


class Archive(Protocol):
    """Studies as wholes."""

    def parameters(self, study: Study) -> Sequence[str]:
        """The names of all parameters that any of its trials has, the space's first."""

    def trials(self, study: Study) -> Iterator[Trial]:
        """Its trials by number, each complete, read one after the other from one moment's state."""
