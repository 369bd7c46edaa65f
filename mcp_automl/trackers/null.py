"""No tracker: for tests, and for whoever wants none."""

from collections.abc import Sequence

from mcp_automl.domain.tracking import TrackingEntry


class NullTracker:
    """Forgets what it is told."""

    async def deliver(self, entries: Sequence[TrackingEntry]) -> None:
        """Takes everything and does nothing."""
