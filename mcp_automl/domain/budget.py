"""A budget as pure values: meters, claims, reservations, and what must stop.

The rule. Whatever happens next, the ceiling must hold. So money is set aside at every moment for
each job that runs: what it has cost, and what ending it may still cost (`ENDING_SECONDS`). What is
left is given to the trials in flight, the most promising first, each up to the forecast of what it
still has to train. A trial for which nothing is left has come to the end of its reservation and is
stopped; since the least promising is served last, it is stopped first, and the best can finish.
What nobody claims is free and pays for further trials.

While no epoch has been measured there is no forecast: then each slot's trial holds an equal share,
and when the shares run out, the newest trial gives way first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_automl.domain.prices import charge

COST_BUDGET = "cost budget"
"""How every reason begins that a ceiling is to blame for."""

STOP_SECONDS = 2.0
"""Longest time from when a job should stop to its end: a tick and the grace before SIGKILL."""

ORPHAN_SECONDS = 5.0
"""How long a worker may outlive its orchestrator's last sign of life; charged, never forgotten."""

OVERDUE_SHARE = 0.25
"""By how much an epoch that has taken longer than was expected is expected to go on."""

ENDING_SECONDS = STOP_SECONDS + ORPHAN_SECONDS
"""What a running job may yet be charged for: to be stopped, or orphaned in the middle of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One running job's cost."""

    started_at: float
    """Monotonic seconds."""
    usd_per_hour: float

    def cost(self, at: float) -> float:
        """Dollars from the launch until `at`."""
        return self.price(at - self.started_at)

    def price(self, seconds: float) -> float:
        """Dollars for so many seconds."""
        return charge(seconds, self.usd_per_hour)

    def set_aside(self, at: float) -> float:
        """Dollars until `at`, and what ending the job may cost from then on."""
        return self.cost(at) + self.price(ENDING_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a trial in flight asks of the budget."""

    trial: int
    meter: Meter
    rest_s: float | None
    """Seconds that its remaining epochs will take by forecast; None while there is none."""
    earlier_usd: float = 0.0
    """What its earlier attempts have cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservations:
    """How the budget is divided at one moment."""

    free_usd: float
    """What is neither spent nor set aside nor claimed; infinite without a ceiling."""
    starved: tuple[int, ...]
    """Trials whose reservation has come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard ceilings on what a study, and each of its trials, may spend; None for no ceiling."""

    ceiling_usd: float | None = None
    per_trial_usd: float | None = None

    def reserve(
        self,
        spent_usd: float,
        claims: Sequence[Claim],
        at: float,
        *,
        ending_usd: float = 0.0,
        shares: int = 1,
    ) -> Reservations:
        """Divides what is left among the trials in flight.

        Args:
            spent_usd: by attempts that have ended.
            claims: of trials in flight, most promising first.
            ending_usd: set aside for jobs that were told to stop and have not ended.
            shares: among how many trials the rest is divided while there is no forecast.
        """
        ceiling = math.inf if self.ceiling_usd is None else self.ceiling_usd
        rest = ceiling - spent_usd - ending_usd
        pool = rest - sum(claim.meter.set_aside(at) for claim in claims)
        starved = []
        for claim in claims:
            # A forecast that has run out claims nothing more, but goes on while there is a pool.
            if pool <= 0:
                starved.append(claim.trial)
            pool -= min(max(pool, 0.0), self._wanted(claim, at, rest / shares))
        return Reservations(free_usd=pool, starved=tuple(starved))

    def left_for_trial(self, claim: Claim, at: float) -> float:
        """Dollars that the trial may still cost under the ceiling for one trial."""
        cap = math.inf if self.per_trial_usd is None else self.per_trial_usd
        return cap - claim.earlier_usd - claim.meter.set_aside(at)

    def _wanted(self, claim: Claim, at: float, share: float) -> float:
        if claim.rest_s is None:
            wanted = max(share - claim.meter.set_aside(at), OVERDUE_SHARE * claim.meter.cost(at))
        else:
            wanted = claim.meter.price(claim.rest_s)
        return max(0.0, min(wanted, self.left_for_trial(claim, at)))


def dollars(usd: float) -> str:
    """A sum with four decimals, or as many as two significant digits take."""
    decimals = 4 if usd == 0 else max(4, 1 - math.floor(math.log10(abs(usd))))
    return f"${usd:.{decimals}f}"
