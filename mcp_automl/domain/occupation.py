"""What held a slot, and for how long."""

from dataclasses import dataclass

from mcp_automl.domain.study import TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupation:
    """A slot held by a trial's attempt; seconds since the epoch."""

    trial: int
    slot: str
    """Empty where it is not known."""
    started_at: float
    ended_at: float
    """Of one that runs, its last sign of life."""
    state: TrialState
    """What the attempt left its trial as."""
