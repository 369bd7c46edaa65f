"""Time, given from outside, so that a test can let an hour pass."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """What the orchestrator reads the time from."""

    monotonic: Callable[[], float]
    """Seconds that never jump: money is metered with these."""
    wall: Callable[[], float]
    """Seconds since the epoch: what people read."""
