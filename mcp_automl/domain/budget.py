"""What jobs cost and when a budget is reached: pure sums over times given from outside.

What an hour of a slot costs, and a job from that, is said in `prices.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mcp_automl.domain.prices import charge

STOP_SECONDS = 2.0
"""Longest time from the decision to stop a job to its end: a tick and the grace before SIGKILL."""

ORPHAN_SECONDS = 5.0
"""How long a worker may outlive its orchestrator's last sign of life; charged, never forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One running job's cost."""

    started_at: float
    """Monotonic seconds."""
    usd_per_hour: float

    def cost(self, at: float) -> float:
        """Dollars from the launch until `at`."""
        return charge(at - self.started_at, self.usd_per_hour)

    def cost_to_stop(self) -> float:
        """Dollars that stopping this job may still cost."""
        return charge(STOP_SECONDS, self.usd_per_hour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A hard ceiling on what a study spends over its whole life."""

    ceiling_usd: float | None
    """None for no ceiling."""

    def reached(self, spent_usd: float, meters: Iterable[Meter], at: float) -> str | None:
        """Why nothing more may run, or None while it may.

        Reached means that what is spent and running, plus what stopping everything that runs may
        still cost, comes to the ceiling: then the stop itself is still paid for.
        """
        if self.ceiling_usd is None:
            return None
        running = list(meters)
        metered = spent_usd + sum(meter.cost(at) for meter in running)
        stopping = sum(meter.cost_to_stop() for meter in running)
        if metered + stopping < self.ceiling_usd:
            return None
        return f"cost budget: ${metered:.4f} of ${self.ceiling_usd:.4f} spent"
