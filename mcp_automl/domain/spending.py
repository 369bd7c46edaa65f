"""What one study's run spends: who holds how much of the budget, and what the rest still pays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mcp_automl.domain.budget import (
    COST_BUDGET,
    ENDING_SECONDS,
    OVERDUE_SHARE,
    Budget,
    Claim,
    Meter,
    Reservations,
    dollars,
)
from mcp_automl.domain.events import Measured, SlotOffered
from mcp_automl.domain.flight import Ending, Flight
from mcp_automl.domain.pace import EpochTime, Pace, batch_size_of
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import History, Objective, StudyConfig, TrialState, Waiting

Flights = Mapping[int, Flight]


@dataclass(slots=True)
class Spending:
    """The money of a run.

    Args:
        spent_usd: by attempts that have ended, of all the study's life.
        pace: how long its epochs take.
        usd_per_hour: the lowest price of a slot offered so far; None while none was.
    """

    budget: Budget
    objective: Objective
    spent_usd: float
    pace: Pace
    usd_per_hour: float | None = None
    _refusal: str = field(default="", init=False)
    """Why the rest did not pay for the trial that was suggested last; until something changes."""

    def offered(self, offer: SlotOffered) -> None:
        known = self.usd_per_hour
        self.usd_per_hour = offer.usd_per_hour if known is None else min(known, offer.usd_per_hour)

    def measured(self, event: Measured, flight: Flight) -> None:
        """Learns from an epoch, of which `flight` has taken note."""
        if not flight.epoch_seconds:
            return
        epoch = EpochTime(
            seconds=flight.epoch_seconds[-1],
            batch_size=batch_size_of(flight.params),
            device=flight.device,
        )
        self.pace.measured(epoch)
        if len(flight.epoch_seconds) == 1:
            launched = event.at - flight.meter.started_at
            self.pace.started(max(0.0, launched - epoch.seconds))

    def ended(self, flight: Flight, at: float) -> float:
        """Closes an attempt's account; what it has cost."""
        self._refusal = ""
        # Whatever else ended it says nothing of how long an epoch takes.
        if flight.value is None and flight.for_cost:
            self.pace.waited(at - flight.meter.started_at)
        cost = flight.meter.cost(at)
        self.spent_usd += cost
        return cost

    def changed(self, budget: Budget) -> None:
        """Another ceiling holds from now on."""
        self.budget = budget
        self._refusal = ""

    def stops(self, flights: Flights, at: float, *, shares: int) -> list[tuple[int, Ending]]:
        """Trials in flight that must be stopped now, and why."""
        if self.budget.ceiling_usd is None and self.budget.per_trial_usd is None:
            return []
        going = [n for n in self._by_promise(flights) if flights[n].ending is None]
        claims = [self._claim(n, flights[n], at) for n in going]
        capped = {
            claim.trial: self._capped(claim, at)
            for claim in claims
            if self.budget.left_for_trial(claim, at) <= 0
        }
        reservations = self._reserve(flights, claims, at, shares)
        starved = {}
        if reservations.starved:
            others = len(reservations.starved) < len(claims)
            ending = self._starved(flights, reservations, at, others=others)
            starved = dict.fromkeys(reservations.starved, ending)
        return list((starved | capped).items())

    def exhausted(self, params: Params, waited: Waiting, offer: SlotOffered) -> str:
        """Why a suggested trial's own ceiling pays for no epoch more; empty if it does."""
        least = self.pace.least_s(batch_size_of(params), offer.device)
        meter = Meter(started_at=0.0, usd_per_hour=offer.usd_per_hour)
        return self._too_small(meter, least, waited.spent_usd)

    def refusal(
        self, params: Params, offer: SlotOffered, flights: Flights, at: float, *, shares: int
    ) -> str:
        """Why the rest does not pay for a suggested trial in that slot; empty if it does."""
        least = self.pace.least_s(batch_size_of(params), offer.device)
        meter = Meter(started_at=at, usd_per_hour=offer.usd_per_hour)
        self._refusal = self._shortage(meter, least, flights, at, shares)
        return self._refusal

    def shortage(self, flights: Flights, at: float, *, shares: int) -> str:
        """Why the rest pays for no further trial, whichever were suggested; empty if it may."""
        meter = Meter(started_at=at, usd_per_hour=self.usd_per_hour or 0.0)
        least = self.pace.shortest_s()
        return (
            self._refusal
            or self._too_small(meter, least, 0.0)
            or self._shortage(meter, least, flights, at, shares)
        )

    def _too_small(self, meter: Meter, least_s: float, earlier_usd: float) -> str:
        cap = self.budget.per_trial_usd
        if cap is None or cap - earlier_usd > meter.price(least_s + ENDING_SECONDS):
            return ""
        earlier = f", {dollars(earlier_usd)} of it spent," if earlier_usd > 0 else ""
        return (
            f"{COST_BUDGET}: the {dollars(cap)} for one trial{earlier} does not pay for an epoch"
            f"{self._price(meter, least_s)}"
        )

    def _price(self, meter: Meter, least_s: float) -> str:
        if meter.usd_per_hour == 0:
            # No slot was offered yet that would have said what it costs.
            return ""
        ending = f"{dollars(meter.price(ENDING_SECONDS))} set aside to end it"
        if least_s == 0:
            return f" (besides {ending})"
        return f" (about {dollars(meter.price(least_s))}, and {ending})"

    def _shortage(
        self, meter: Meter, least_s: float, flights: Flights, at: float, shares: int
    ) -> str:
        if self.budget.ceiling_usd is None:
            return ""
        claims = [self._claim(n, f, at) for n, f in flights.items() if f.ending is None]
        reservations = self._reserve(flights, claims, at, shares)
        if reservations.free_usd > meter.price(least_s + ENDING_SECONDS):
            return ""
        return (
            f"{COST_BUDGET}: {self._sums(flights, reservations, at)}; the rest does not pay for "
            f"an epoch of the next trial{self._price(meter, least_s)}"
        )

    def _reserve(
        self, flights: Flights, claims: Sequence[Claim], at: float, shares: int
    ) -> Reservations:
        ending = [f for f in flights.values() if f.ending is not None]
        return self.budget.reserve(
            self.spent_usd,
            claims,
            at,
            ending_usd=sum(max(f.ending_usd, f.meter.cost(at)) for f in ending),
            shares=shares,
        )

    def _claim(self, trial: int, flight: Flight, at: float) -> Claim:
        return Claim(
            trial=trial,
            meter=flight.meter,
            rest_s=self._rest_s(flight, at),
            earlier_usd=flight.waited.spent_usd,
        )

    def _rest_s(self, flight: Flight, at: float) -> float | None:
        own = tuple(flight.epoch_seconds)
        epoch_s = self.pace.epoch_s(batch_size_of(flight.params), flight.device, own)
        if epoch_s is None:
            return None
        start_s = 0.0 if flight.epoch_seconds else self.pace.start_s
        epochs = max(0, (flight.epochs or 1) - flight.epoch)
        # The epoch under way has used some of its time already, perhaps more than was expected.
        soonest = OVERDUE_SHARE * epoch_s if epochs else 0.0
        return max(soonest, start_s + epochs * epoch_s - (at - flight.measured_at))

    def _by_promise(self, flights: Flights) -> list[int]:
        """Trials, the most promising first: by what they had reached when all had come as far."""
        epochs = [f.last.epoch for f in flights.values() if f.last is not None]
        common = min(epochs, default=0)

        def promise(trial: int) -> tuple[bool, float, int]:
            flight = flights[trial]
            value = flight.values.get(common, flight.value)
            return value is None, 0.0 if value is None else self.objective.rank_key(value), trial

        return sorted(flights, key=promise)

    def _starved(
        self, flights: Flights, reservations: Reservations, at: float, *, others: bool
    ) -> Ending:
        promise = " for trials that promise more" if others else ""
        reason = f"{COST_BUDGET}: {self._sums(flights, reservations, at)}{promise}"
        return Ending(TrialState.PRUNED, reason)

    def _capped(self, claim: Claim, at: float) -> Ending:
        assert self.budget.per_trial_usd is not None
        spent = claim.earlier_usd + claim.meter.cost(at)
        cap = dollars(self.budget.per_trial_usd)
        sums = f"{dollars(spent)} of the {cap} for one trial spent"
        reason = f"{COST_BUDGET}: {sums}, the rest is set aside to end it"
        return Ending(TrialState.PRUNED, reason, final=True)

    def _sums(self, flights: Flights, reservations: Reservations, at: float) -> str:
        assert self.budget.ceiling_usd is not None
        ceiling = self.budget.ceiling_usd
        metered = self.spent_usd + sum(flight.meter.cost(at) for flight in flights.values())
        sums = f"{dollars(metered)} of {dollars(ceiling)} spent"
        if not flights:
            return sums
        reserved = ceiling - metered - max(0.0, reservations.free_usd)
        return f"{sums}, {dollars(max(0.0, reserved))} reserved"


def budget_of(config: StudyConfig) -> Budget:
    """The ceilings that a study was given."""
    return Budget(ceiling_usd=config.cost_budget_usd, per_trial_usd=config.max_cost_per_trial_usd)


def spending_of(config: StudyConfig, history: History) -> Spending:
    """A study's money as its history leaves it."""
    in_vain = [w.longest_s for w in history.waiting.values() if w.value is None]
    pace = Pace(
        earlier=history.earlier_epochs,
        here=list(history.epochs),
        at_least_s=max(in_vain, default=0.0),
    )
    return Spending(
        budget=budget_of(config),
        objective=config.objective,
        spent_usd=history.spent_usd,
        pace=pace,
    )
