"""A dry run's answer as a text and as structure."""

from collections.abc import Callable

from pydantic import Field

from mcp_automl.answers import Quoted
from mcp_automl.domain.budget import dollars as all_digits
from mcp_automl.domain.figures import several
from mcp_automl.domain.quote import Basis, Quote, Range, Verdict
from mcp_automl.domain.study import StudyConfig
from mcp_automl.server import spaces
from mcp_automl.server.shapes import Model, rounded
from mcp_automl.server.words import dollars, duration, plain


class RangeModel(Model):
    expected: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, spread: Range) -> "RangeModel":
        return cls(
            expected=rounded(spread.expected), low=rounded(spread.low), high=rounded(spread.high)
        )


class QuoteModel(Model):
    trials: int = Field(description="Still to run")
    measured: int = Field(description="Finished trials that the estimate is made from")
    basis: str = Field(description="Whose trials these are")
    cost_usd: RangeModel | None
    seconds: RangeModel | None
    spent_usd: float | None
    budget: str = Field(description="no budget, suffices, may suffice, too small or unknown")
    paid_trials: int | None = Field(description="How many trials too small a budget pays for")

    @classmethod
    def of(cls, answer: Quoted) -> "QuoteModel":
        it = answer.quote
        return cls(
            trials=it.trials,
            measured=it.measured,
            basis=it.basis.value,
            cost_usd=None if it.usd is None else RangeModel.of(it.usd),
            seconds=None if it.seconds is None else RangeModel.of(it.seconds),
            spent_usd=rounded(answer.spent_usd),
            budget=it.verdict.value,
            paid_trials=it.paid_trials,
        )


def dry_run(answer: Quoted) -> str:
    """What the study would do and cost, and how that is known."""
    config = answer.config
    where = f"up to {answer.max_parallel} in parallel on {plain(answer.devices)}"
    goes_on = f"goes on: {answer.done} of {config.n_trials} trials done" if answer.exists else "new"
    return "\n".join(
        [
            f"[Info] Dry run: {plain(config.name)} ({goes_on}); nothing was started or stored",
            f"Model: {plain(config.model)}{_epochs(config)}",
            f"Trials to run: {answer.quote.trials}, {where}",
            *spaces.lines(config),
            f"Search: {plain(answer.search, 300)}",
            *_expected(answer.quote),
            f"Estimate: {_basis(answer)}",
            f"Budget: {_budget(answer)}",
            *_per_trial(answer),
            _next(answer),
        ]
    )


def _next(answer: Quoted) -> str:
    if answer.quote.trials:
        return "Next: the same call without dry_run starts it"
    return "Next: name a larger n_trials; the study has as many trials as it was asked for"


def _epochs(config: StudyConfig) -> str:
    return f", up to {several(config.epochs_max, 'epoch')} a trial" if config.has_epochs else ""


def _expected(it: Quote) -> list[str]:
    if not it.trials:
        return []
    cost = [] if it.usd is None else [f"Expected cost: {_spread(it.usd, dollars)}"]
    time = [] if it.seconds is None else [f"Expected time: {_spread(it.seconds, duration)}"]
    return cost + time


def _spread(spread: Range, say: Callable[[float], str]) -> str:
    expected, low, high = say(spread.expected), say(spread.low), say(spread.high)
    return expected if low == expected == high else f"{expected} ({low} to {high})"


def _basis(answer: Quoted) -> str:
    it = answer.quote
    if not it.measured:
        return "no measurement yet: the first trial will tell"
    trials = "1 finished trial" if it.measured == 1 else f"{it.measured} finished trials"
    if it.basis is Basis.OTHER:
        return f"a guess from {trials} of {it.basis.value}: it may be many times more, or less"
    return f"measured from {trials} of {it.basis.value}"


def _budget(answer: Quoted) -> str:
    budget = answer.config.cost_budget_usd
    if budget is None:
        return "none; cost_budget_usd would be a hard ceiling"
    if answer.spent_usd >= budget:
        spent = f"{all_digits(answer.spent_usd)} of {all_digits(budget)} is spent already"
        return f"{spent}: nothing more would be launched; name a larger cost_budget_usd to go on"
    spent = f" ({dollars(answer.spent_usd)} of it spent)" if answer.spent_usd > 0 else ""
    return f"{dollars(budget)}{spent} {_verdict(answer.quote)}"


def _verdict(it: Quote) -> str:
    match it.verdict:
        case Verdict.SUFFICES:
            return "suffices"
        case Verdict.TOO_SMALL:
            paid = f"about {it.paid_trials} of {it.trials} trials"
            return f"is too small: it pays for {paid}, and then the study ends"
        case Verdict.PERHAPS:
            return "may suffice; what would cross it is stopped"
        case _:
            return "holds, whatever the trials cost: what would cross it is stopped"


def _per_trial(answer: Quoted) -> list[str]:
    cap = answer.config.max_cost_per_trial_usd
    return [] if cap is None else [f"No trial may cost more than {dollars(cap)}"]
