"""What a study's trials say about its parameters, and what of it may as well be luck.

How far luck alone would go is found by dealing the places among the good to other trials at random,
up to 199 times. Each deal gives every parameter an importance, told in deviations from what all
deals give that parameter, and the most that any parameter got is the deal's luck. A parameter
stands out if it is above the luck of all deals but one in twenty, so that this is also the chance
that *any* seems to matter in a study in which none does (Westfall and Young's largest statistic).
What a search has found good it tries more often, so trials are not quite independent. In 100
simulated TPE studies of six parameters, a parameter without effect stood out in 10 % at 20 trials
and in 3 % at 50 where none had any; beside one that had, in 9 % and 18 %. One that had an effect
stood out in 32 % and 60 %. That it is a hint and no proof is told with the result.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from mcp_automl.domain.figures import several
from mcp_automl.domain.importance import Column, Judge, grid_size
from mcp_automl.domain.sample import Sample, how_many
from mcp_automl.domain.space import Categorical, Float, Int, Parameter, Value, is_number
from mcp_automl.domain.study import Trial

LEAST_TRIALS = 10
"""Below this nothing is said, of a study or of a parameter that exists in some trials only."""

GOOD_SHARE = 0.4
"""Whose parameters are compared with all. In 40 simulated TPE studies each of 20 and 50 trials, a
parameter that mattered stood out in 90 % and 100 % at 0.4, in 28 % and 5 % at Optuna's 0.1: TPE
tries so often what is good that a tenth hardly differs from the rest. At 0.5 luck stood out more
often. All this was measured with an earlier limit of luck than the one above."""

DEALS = (199, 99, 59, 39, 19)
"""The numbers of deals of which one in twenty is a whole number, counting the study itself."""

MOST_JUDGED = 2_400
"""Deals times parameters: so many take one or two seconds at 500 trials."""

LUCK = 0.05

CLOSE = 1.3
"""What is above its luck by less than this factor is just above it: other deals could have put the
luck as high. In 6 simulated studies each of 20 and 50 trials, dealt 12 times, a parameter's luck
had a deviation of 14 % and 13 %; this is twice that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where the best trials lie."""

    low: float
    high: float
    """Of a range: all of them, or the middle eight tenths of ten or more."""
    choices: tuple[tuple[Value, int], ...] = ()
    """Of choices: how many of them have each, the most frequent first."""
    trials: int
    """How many of the best have the parameter."""
    edge: str = ""
    """`lower` or `upper` if most of them lie in that outer tenth of what was searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One parameter, judged."""

    name: str
    parameter: Parameter
    share: float
    """Of all judged parameters' importance, from 0 to 1."""
    luck: float
    """The share that luck alone can reach; may be above 1."""
    region: Region
    existing: int
    """How many of the trials have it."""

    @property
    def stands_out(self) -> bool:
        return self.share > self.luck

    @property
    def is_close(self) -> bool:
        """Whether it stands out so little that other deals might have called it luck."""
        return self.luck < self.share < CLOSE * self.luck


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """All that can be said, and of what nothing can be said."""

    finished: int
    used: int
    good: int
    """How many trials were compared with all."""
    best: int
    """How many trials' region is shown."""
    findings: tuple[Finding, ...]
    """Most important first; empty where nothing can be said."""
    unjudged: tuple[tuple[str, str], ...]
    """Parameters with the reason why nothing can be said of them."""
    trouble: str = ""
    """Why nothing can be said of any."""

    @property
    def clear(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.stands_out)

    @property
    def unclear(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.stands_out)


def insight(sample: Sample) -> Insight:
    """Judges the parameters of a study."""
    used = len(sample.picked.ranked)
    good = how_many(sample.picked, GOOD_SHARE)
    why = trouble(sample)
    space = sample.study.config.space.parameters
    columns = _columns(sample)
    unjudged = {n: w for n, p in space.items() if (w := _why_not(p, columns[n], used))}
    judged = {} if why else {n: c for n, c in columns.items() if n not in unjudged}
    shares = _shares(judged, used, good)
    findings = [
        Finding(
            name=name,
            parameter=space[name],
            share=shares[name][0],
            luck=shares[name][1],
            region=region(name, space[name], sample.top),
            existing=columns[name].existing,
        )
        for name in judged
    ]
    return Insight(
        finished=len(sample.whole.ranked),
        used=used,
        good=good,
        best=len(sample.top),
        findings=tuple(sorted(findings, key=lambda finding: -finding.share)),
        unjudged=tuple(unjudged.items()),
        trouble=why or ("" if findings else "there is no parameter that can be judged"),
    )


def by_importance(sample: Sample) -> list[str]:
    """The parameters' names, those first that matter most; luck is not asked about."""
    good = how_many(sample.picked, GOOD_SHARE)
    if trouble(sample):
        return list(sample.study.config.space.parameters)
    found = {name: Judge(it).importance(range(good)) for name, it in _columns(sample).items()}
    return sorted(found, key=lambda name: -found[name])


def _columns(sample: Sample) -> dict[str, Column]:
    space, points = sample.study.config.space.parameters, [t.params for t in sample.picked.ranked]
    return {name: Column.of(name, parameter, points) for name, parameter in space.items()}


def trouble(sample: Sample) -> str:
    """Why nothing can be said of any parameter; empty if something can."""
    used, good = len(sample.picked.ranked), how_many(sample.picked, GOOD_SHARE)
    if used < LEAST_TRIALS:
        trials = several(used, "finished trial")
        return f"{trials} cannot tell what matters from luck; it takes at least {LEAST_TRIALS}"
    if good > 0.7 * used:
        return f"too many of the {used} finished trials are equally good to tell"
    return ""


def _why_not(parameter: Parameter, column: Column, used: int) -> str:
    if grid_size(parameter) == 1:
        return "it has a single value"
    if len({cell for cell in column.cells if cell is not None}) == 1:
        return "all trials have the same value"
    if column.existing < min(used, LEAST_TRIALS):
        trials = several(column.existing, "trial")
        return f"it exists in {trials} only; {LEAST_TRIALS} are needed"
    return ""


def _shares(columns: dict[str, Column], used: int, good: int) -> dict[str, tuple[float, float]]:
    """Each parameter's share of the importance, and how much of it luck can bring."""
    judges = {name: Judge(column) for name, column in columns.items()}
    found = {name: judge.importance(range(good)) for name, judge in judges.items()}
    # Always the same deals: the same study is told the same twice.
    random_order = random.Random(0)
    deals = [random_order.sample(range(used), good) for _ in range(how_often(len(columns)))]
    dealt = {name: [judge.importance(deal) for deal in deals] for name, judge in judges.items()}
    total = sum(found.values()) or 1.0
    limits = _limits(found, dealt)
    return {name: (found[name] / total, limits[name] / total) for name in found}


def how_often(parameters: int) -> int:
    """How many deals there is time for; the least that can tell one in twenty is always dealt."""
    return next((n for n in DEALS if n * parameters <= MOST_JUDGED), DEALS[-1])


def _limits(found: dict[str, float], dealt: dict[str, list[float]]) -> dict[str, float]:
    """The importance up to which each parameter's may be luck."""
    if not dealt:
        return {}
    apart = [_apart([*values, found[name]])[:-1] for name, values in dealt.items()]
    most = sorted((max(deal) for deal in zip(*apart, strict=True)), reverse=True)
    far = most[round(LUCK * (len(most) + 1)) - 1]
    return {name: fmean(values) + far * pstdev(values) for name, values in dealt.items()}


def _apart(values: Sequence[float]) -> list[float]:
    """Each one's distance from the mean of the others, in their deviations.

    Of the others, because among few a value moves the deviation that it is told in.
    """
    count, total, squares = len(values) - 1, sum(values), sum(it * it for it in values)
    means = [(total - it) / count for it in values]
    spreads = [
        math.sqrt(max(0.0, (squares - it * it) / count - mean * mean))
        for it, mean in zip(values, means, strict=True)
    ]
    together = zip(values, means, spreads, strict=True)
    return [(it - mean) / (spread or 1.0) for it, mean, spread in together]


def region(name: str, parameter: Parameter, best: Sequence[Trial]) -> Region:
    """Where the best trials lie, those that have the parameter."""
    values = [trial.params[name] for trial in best if name in trial.params]
    if isinstance(parameter, Categorical):
        frequent = tuple(Counter(values).most_common())
        return Region(low=0.0, high=0.0, choices=frequent, trials=len(values))
    numbers = sorted(float(v) for v in values if is_number(v))  # type: ignore[arg-type]
    if not numbers:
        return Region(low=parameter.low, high=parameter.high, trials=0)
    outer = len(numbers) // 10
    middle = numbers[outer : len(numbers) - outer]
    return Region(
        low=middle[0],
        high=middle[-1],
        trials=len(numbers),
        edge=_edge(parameter, numbers[len(numbers) // 2]),
    )


def _edge(parameter: Float | Int, middle: float) -> str:
    place = unit(parameter, middle)
    return "lower" if place <= 0.1 else "upper" if place >= 0.9 else ""


def unit(parameter: Float | Int, value: float) -> float:
    """Where it lies between the bounds, from 0 to 1, on the range's own scale."""
    low, high = float(parameter.low), float(parameter.high)
    value = min(max(value, low), high)
    if low == high:
        return 0.5
    if parameter.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)
