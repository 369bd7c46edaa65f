"""What a tracker is told about a study, as values that can wait on disk."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Study


class EntryKind(Enum):
    """What a tracker is told."""

    STUDY_STARTED = "study_started"
    TRIAL_STARTED = "trial_started"
    MEASURED = "measured"
    TRIAL_ENDED = "trial_ended"
    STUDY_ENDED = "study_ended"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A trained model that a tracker shall keep with its training's run."""

    trial: int
    folder: str
    """Where its files are; they may be gone when it is delivered."""
    data_dir: str
    module: str
    """The trainer's code, and below what `bind` makes it of; as in `jobs.TrainerRef`."""
    options: Mapping[str, object] = field(default_factory=dict)
    register: str = ""
    """The name that it is registered under; empty if it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingEntry:
    """One thing for the tracker, waiting on disk until it is delivered."""

    kind: EntryKind
    study: str
    """As `tracked_as` names it."""
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
    publication: Publication | None = None
    """Of a MODEL."""


KEY = "automl.key"
"""The tag by which a run is found again; no two runs share its value."""


def experiment(model: str) -> str:
    """The name of the experiment that holds all runs of a trainer."""
    return f"{model}-training"


def tracked_as(study: Study) -> str:
    """What a study is called where its runs are: those of deleted studies of its name stay there.

    No study has a tilde in its name.
    """
    name = study.config.name
    return f"{name}~{study.namesakes + 1}" if study.namesakes else name


def run_key(study: str, trial: int | None = None, *, origin: str = "") -> str:
    """The value of `KEY` for a trial's run, or the study's own.

    Args:
        study: as `tracked_as` names it.
        origin: tells apart equally named studies of several workspaces on one server.
    """
    place = f"{origin}/{study}" if origin else study
    return place if trial is None else f"{place}/{trial}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """Where a trial's run is found."""

    experiment: str
    key: str

    @property
    def search(self) -> str:
        """What finds it, in MLflow's search field or `search_runs`."""
        return f'tags.`{KEY}` = "{self.key}"'


def without_passwords(text: str) -> str:
    """A text that may name addresses, without the users and passwords in them."""
    return re.sub(r"//[^/@\s]+@", "//", text)
