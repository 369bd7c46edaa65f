"""Is the default search better than Optuna's, and `auto` good? `python -m benchmarks search`

Simulates studies of 20 trials on nine tables with 5 seeds, in a few minutes on two cores. Five
seeds are too few to tell neighbours apart: goals are judged by the full table, which is stored
(`search_table`), and what is measured now stands beside it.
"""

from collections.abc import Mapping, Sequence

from benchmarks.search_contestants import AUTO, OPTUNA, OPTUNA_FIRST, RANDOM, TPE
from benchmarks.search_results import (
    BUDGETS,
    Estimate,
    Key,
    Result,
    by_cost,
    by_trials,
    estimate,
    paired,
)
from benchmarks.search_studies import plans, run_all
from benchmarks.search_table import FAMILIES, contestants, results, usual
from benchmarks.table import Goal, Row

SEEDS, TRIALS = 5, 20
NOW = (OPTUNA, OPTUNA_FIRST, RANDOM, TPE, AUTO)
REGRET = f"normalized regret after {TRIALS} trials"
NO_TABLE = "the full table is not stored: make bench-search"
AUTO_GOAL = Goal(bound=0.13)
CHEAPEST_GOAL = "the 95 % interval of the difference to the best other reaches 0 or below"


def rows() -> list[Row]:
    """What goes into the table."""
    now = list(run_all(plans(NOW, range(SEEDS), TRIALS)))
    known = results()
    return [default_row(known, now), auto_row(known, now), *family_rows(known)]


def regret(known: Sequence[Result], name: str) -> Estimate:
    """Of a contestant after 20 trials."""
    return estimate(by_trials(known, name, TRIALS).values())


def default_row(known: Sequence[Result], now: Sequence[Result]) -> Row:
    """Whether the default is better than Optuna's, seed by seed."""
    question = f"{REGRET}: the default"
    apart = paired(by_trials(known, TPE, TRIALS), by_trials(known, OPTUNA, TRIALS))
    if apart is None:
        return Row(question=question, reason=NO_TABLE)
    others = ", ".join(f"{n} {regret(known, n)}" for n in contestants(known) if n != TPE)
    mine, theirs = regret(known, TPE), regret(known, OPTUNA)
    met = apart.upper < 0
    return Row(
        question=question,
        ours=f"{mine}, paired with Optuna's default {apart.signed} ({apart.count} studies each)",
        beside=f"{others}; {quick(now, NOW)}",
        ratio=mine.mean / theirs.mean,
        goal="the 95 % interval of the difference to Optuna's default is below 0",
        met=met,
        reason="" if met else f"the interval ends at {apart.upper:+.3f}",
    )


def quick(now: Sequence[Result], names: Sequence[str]) -> str:
    """What was measured now, which is less than what is stored."""
    told = ", ".join(f"{name} {regret(now, name)}" for name in names)
    return f"now, {SEEDS} seeds: {told}"


def auto_row(known: Sequence[Result], now: Sequence[Result]) -> Row:
    """Whether `auto` is good."""
    question = f"{REGRET}: `auto`"
    apart = paired(by_trials(known, AUTO, TRIALS), by_trials(known, TPE, TRIALS))
    if apart is None:
        return Row(question=question, reason=NO_TABLE)
    mine = regret(known, AUTO)
    return Row(
        question=question,
        ours=f"{mine} ({mine.count} studies), paired with the default {apart.signed}",
        beside=f"default {regret(known, TPE)}; {quick(now, (AUTO,))}",
        ratio=mine.mean / regret(known, TPE).mean,
        goal=str(AUTO_GOAL),
        met=AUTO_GOAL.is_met(mine.mean),
        reason=AUTO_GOAL.distance(mine.mean, "on HPOBench noise leaves nobody less than that"),
    )


def family_rows(known: Sequence[Result]) -> list[Row]:
    """Whether `auto` is best for the money, or within noise of it: a row per family."""
    trials = usual(known, AUTO)
    return [dollars(known, family, label, trials) for family, label in FAMILIES.items()]


def dollars(known: Sequence[Result], family: str, label: str, trials: int) -> Row:
    """Of one family, at all budgets."""
    told = ", ".join(map(str, BUDGETS))
    question = (
        f"normalized regret on {label} for the cost of {told} mean random trials, or {trials} "
        "trials: `auto`"
    )
    spent = {name: regrets(known, name, family, trials) for name in contestants(known)}
    mine = spent.pop(AUTO, [{}])
    others = {name: found for name, found in spent.items() if all(found)}
    if not all(mine):
        return Row(question=question, reason=NO_TABLE)
    apart = [to_best(mine[n], [found[n] for found in others.values()]) for n in range(len(mine))]
    behind = [each.signed for each in apart if each.lower > 0]
    return Row(
        question=question,
        ours=f"{in_words(mine)}; less the best other's {', '.join(a.signed for a in apart)}",
        beside="; ".join(f"{name} {in_words(found)}" for name, found in others.items()),
        goal=CHEAPEST_GOAL,
        met=not behind,
        reason=f"behind by {', '.join(behind)}" if behind else "",
    )


def regrets(known: Sequence[Result], name: str, family: str, trials: int) -> list[dict[Key, float]]:
    """Of a contestant, at each of the budgets."""
    return [by_cost(known, name, budget, family, trials) for budget in BUDGETS]


def to_best(mine: Mapping[Key, float], others: Sequence[Mapping[Key, float]]) -> Estimate:
    """The difference to the best of the others, over the studies that both have."""
    apart = [paired(mine, other) for other in others]
    return max((each for each in apart if each is not None), key=lambda each: each.mean)


def in_words(found: Sequence[Mapping[Key, float]]) -> str:
    return " / ".join(str(estimate(each.values())) for each in found)
