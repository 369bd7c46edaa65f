"""What a tracker is told about a study, as values that can wait on disk."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from mcp_automl.domain.space import Params


class EntryKind(Enum):
    """What a tracker is told."""

    STUDY_STARTED = "study_started"
    TRIAL_STARTED = "trial_started"
    MEASURED = "measured"
    TRIAL_ENDED = "trial_ended"
    STUDY_ENDED = "study_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingEntry:
    """One thing for the tracker, waiting on disk until it is delivered."""

    kind: EntryKind
    study: str
    model: str
    at: float
    """Wall clock seconds."""
    trial: int | None = None
    params: Params = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    epoch: int = 0
    state: str = ""
    """What a trial or study ended as."""


def without_passwords(text: str) -> str:
    """A text that may name addresses, without the users and passwords in them."""
    return re.sub(r"//[^/@\s]+@", "//", text)
