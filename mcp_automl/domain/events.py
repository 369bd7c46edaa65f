"""What a study's run is told (events, past tense) and what it answers (commands, imperative)."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement, StudyConfig, StudyState, TrialState


class Outcome(Enum):
    """How a job's process ended."""

    COMPLETED = "completed"
    """The trainer came to its end."""
    STOPPED = "stopped"
    """It was told to stop, or was killed after it had been."""
    RAISED = "raised"
    """The trainer raised; trying again would raise again."""
    OUT_OF_MEMORY = "out of memory"
    """Of a GPU, as the trainer raised it, or of the host, whose kernel killed the process."""
    KILLED = "killed"
    """The process vanished without a word."""
    STALLED = "stalled"
    """It lived, but did nothing any more, and was ended; see `vigil.py`."""
    TIMED_OUT = "timed out"
    """Its trial had all the time that a trial may have, and it was ended."""


# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlotOffered:
    """A slot is held for this study."""

    slot: str
    usd_per_hour: float
    shared: bool = False
    """Whether other jobs may use the same device."""
    device: str = ""
    """As people name it: `cuda:0`, `cpu`."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """The store has a trial, now RUNNING, to be trained in that slot."""

    slot: str
    trial: int
    params: Params
    at: float
    """Monotonic seconds, like every `at` here; the job's meter starts."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A worker finished an epoch and waits for its reply."""

    trial: int
    measurement: Measurement
    at: float
    prune: str | None = None
    """The pruner's reason, if it would stop this trial."""


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A job's process is gone."""

    trial: int
    outcome: Outcome
    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Nothing new; what runs is interrupted and will go on when the study is started again."""

    by_user: bool
    """False when only this orchestrator leaves: the study is not STOPPED and does not finish."""


@dataclass(frozen=True, slots=True)
class Retargeted:
    """The study was asked for again, perhaps with another total or budget; it shall go on."""

    config: StudyConfig
    at: float


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed; comes at least every 250 ms while anything runs."""

    at: float


Event: TypeAlias = (
    SlotOffered | Suggested | Measured | TrialEnded | StopRequested | Retargeted | Ticked
)


# --- commands ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Suggest:
    """Ask the store for a trial; answer with `Suggested` for the same slot."""

    slot: str


@dataclass(frozen=True, slots=True)
class Decline:
    """Give the slot back: this study has no use for it now."""

    slot: str


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the trial's job in that slot."""

    trial: int
    params: Params
    slot: str
    trained_s: float = 0.0
    """How long earlier attempts have trained."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """Answer the worker's measurement: train the next epoch."""

    trial: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End the trial's job, politely if it listens. Stopping it twice is harmless."""

    trial: int
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """Store what became of the trial; WAITING means it will go on under the same number."""

    trial: int
    state: TrialState
    value: float | None
    cost_usd: float
    """This attempt's cost alone."""
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Store that the study has ended."""

    state: StudyState
    reason: str


Command: TypeAlias = Suggest | Decline | Launch | GoOn | Stop | Record | Finish
