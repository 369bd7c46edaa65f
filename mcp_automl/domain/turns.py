"""Whose turn it is when a slot comes free.

By priority first; among equals whoever holds the fewest slots, so that studies side by side share
the machine; among these whoever has waited longest, which is round robin. Nothing starves: who has
waited in vain rises by one priority every ten minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mcp_automl.domain.training_job import Priority

RISE_SECONDS = 600.0
"""How long one waits for a slot before it is served like the next higher priority."""

READY_SECONDS = 10.0
"""How long a free slot is kept for an urgent job whose data is being made ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody who could use a slot."""

    id: int
    priority: Priority
    held: int
    """How many slots it holds."""
    since: float
    """When it was last served, or began to wait; in seconds of any clock that never goes back."""
    ready: bool = True
    """Whether it could use a slot this very moment."""

    def waited(self, now: float) -> float:
        return max(0.0, now - self.since)

    def rank(self, now: float) -> int:
        """Its priority's, and what it has risen by."""
        return max(0, self.priority.rank - int(self.waited(now) // RISE_SECONDS))

    def keeps(self, now: float) -> bool:
        """Whether what jobs of ours hold is kept for it as they end; all else is handed out."""
        return self.priority is Priority.URGENT or self.waited(now) >= RISE_SECONDS

    def holds_back(self, now: float) -> bool:
        """Whether those after it go without, although it cannot be served now.

        So an urgent job gets the next slot although its data is not ready yet.
        """
        is_urgent = self.priority is Priority.URGENT
        return not self.ready and is_urgent and self.waited(now) < READY_SECONDS


def in_turn(claims: Iterable[Claim], now: float) -> list[Claim]:
    """The claims, the first to be served first."""
    return sorted(claims, key=lambda it: (it.rank(now), it.held, it.since, it.id))
