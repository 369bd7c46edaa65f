"""How a study is searched: which sampler and pruner were asked for, and which of them work.

Everything that can be tuned about them is plain data here; what Optuna makes of it is in `stores/`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space import Categorical, Int, Parameter, SearchSpace


class Sampler(Enum):
    """What suggests a study's trials."""

    TPE = "tpe"
    AUTO = "auto"
    GP = "gp"
    CMAES = "cmaes"
    RANDOM = "random"

    @property
    def usual_pruner(self) -> "Pruner":
        """The pruner of a study for which none was asked."""
        return Pruner.ASHA if self is Sampler.AUTO else Pruner.MEDIAN


class Pruner(Enum):
    """What stops trials that are not worth their remaining epochs."""

    MEDIAN = "median"
    PERCENTILE = "percentile"
    HYPERBAND = "hyperband"
    ASHA = "asha"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """The figures behind samplers and pruners; the defaults are what the product runs with."""

    startup_trials: int = 5
    """Random trials before the sampler learns; the trainer's default configuration is the first."""
    constant_liar: bool = True
    """Whether TPE takes trials that still run for bad ones, so that it looks elsewhere."""
    multivariate: bool = True
    """Whether TPE looks at parameters together, those that all trials have."""
    candidates: int = 24
    """How many points TPE draws to choose one."""
    gp_max_parameters: int = 20
    """The most parameters for which `auto` takes a Gaussian process."""
    gp_max_values: int = 100_000
    """The most values of an integer for which there is a Gaussian process: it lists them all."""
    gp_max_trials: int = 200
    """Finished trials from which on `auto` takes TPE: a Gaussian process grows slow."""
    pruner_startup_trials: int = 5
    """Complete trials before the median and the percentile judge anything."""
    warmup_share: float = 0.1
    """The part of all epochs in which they judge nothing; never the first epoch."""
    percentile: float = 75.0
    """How many percent of the trials the percentile lets go on."""
    rung_epoch: int = 2
    """The first epoch at which ASHA and Hyperband compare trials."""
    rung_factor: int = 3
    """One in so many goes on at a rung, and the next rung is so many times later."""


DEFAULT_SETTINGS = SearchSettings()

IN_WORDS = {
    Sampler.TPE: "TPE",
    Sampler.GP: "Gaussian process",
    Sampler.CMAES: "CMA-ES",
    Sampler.RANDOM: "random",
    Pruner.MEDIAN: "median pruner",
    Pruner.PERCENTILE: "percentile pruner",
    Pruner.HYPERBAND: "Hyperband",
    Pruner.ASHA: "ASHA",
    Pruner.NONE: "no pruner",
}


def check_sampler(sampler: Sampler, space: SearchSpace, has_torch: Callable[[], bool]) -> None:
    """Makes sure that the sampler can learn something of that space.

    Raises:
        InvalidRequest: it cannot, and the message says what would be valid.
    """
    endless = [n for n, p in space.parameters.items() if _is_endless(p)]
    if endless:
        raise InvalidRequest(
            f"no sampler can draw from the range of {', '.join(endless)}, whose ends are further "
            "apart than any float; choose narrower bounds, or a log scale"
        )
    if sampler not in (Sampler.GP, Sampler.CMAES):
        return
    others = "choose sampler 'auto' or 'tpe'"
    if space.when:
        raise InvalidRequest(
            f"sampler {sampler.value!r} cannot learn parameters that exist only under a condition "
            f"({', '.join(space.when)}); {others}, or a search_space without conditions"
        )
    fine = _too_fine(space, DEFAULT_SETTINGS)
    if sampler is Sampler.GP and fine:
        raise InvalidRequest(f"sampler 'gp' lists all values of an integer, but {fine}; {others}")
    if sampler is Sampler.GP and not has_torch():
        raise InvalidRequest(
            "sampler 'gp' needs torch, which is not installed; run: pip install "
            f"'mcp-automl[mnist]', or {others}"
        )
    if sampler is Sampler.CMAES and all(
        isinstance(parameter, Categorical) for parameter in space.parameters.values()
    ):
        raise InvalidRequest(f"sampler 'cmaes' learns numbers only, and here are none; {others}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The sampler that works, never `auto`, and why it is the one."""

    sampler: Sampler
    grouped: bool = False
    """Whether TPE looks at parameters together, in groups that exist together."""
    why: str = ""

    @property
    def stand_in(self) -> "Choice":
        """What suggests a trial for which this one meets a numerical error."""
        other = Sampler.RANDOM if self.sampler is Sampler.TPE else Sampler.TPE
        return Choice(sampler=other)

    @property
    def ranks_pruned(self) -> bool:
        """Whether the sampler learns from pruned trials as they are.

        A Gaussian process and CMA-ES ignore them, unless they are shown as complete.
        """
        return self.sampler not in (Sampler.GP, Sampler.CMAES)


def choose(
    asked: Sampler,
    space: SearchSpace,
    finished: int,
    has_torch: Callable[[], bool],
    settings: SearchSettings = DEFAULT_SETTINGS,
) -> Choice:
    """Which sampler suggests the next trial.

    Args:
        finished: trials that are COMPLETE or PRUNED.
        has_torch: asked only where it matters.
    """
    if asked is Sampler.CMAES:
        return Choice(sampler=asked, why=_drawn_at_random(space))
    if asked is not Sampler.AUTO:
        return Choice(sampler=asked)
    if space.when:
        return Choice(sampler=Sampler.TPE, grouped=True, why="auto: conditional parameters")
    n = len(space.parameters)
    shape = f"auto: {n} parameter{'' if n == 1 else 's'}"
    if n > settings.gp_max_parameters:
        return Choice(sampler=Sampler.TPE, why=f"{shape}, more than {settings.gp_max_parameters}")
    fine = _too_fine(space, settings)
    if fine:
        return Choice(sampler=Sampler.TPE, why=f"auto: {fine}")
    if finished >= settings.gp_max_trials:
        why = f"auto: from {settings.gp_max_trials} finished trials on"
        return Choice(sampler=Sampler.TPE, why=why)
    if not has_torch():
        return Choice(sampler=Sampler.TPE, why="auto: torch is not installed")
    why = f"{shape}, under {settings.gp_max_trials} finished trials"
    return Choice(sampler=Sampler.GP, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoodIn:
    """That another sampler has suggested trials, because the one that works could not."""

    trials: int
    """How many."""
    last: int
    """The latest one's number."""
    why: str
    """Who suggested that one instead of whom, and what the error was."""


def stood_in_words(choice: Choice, error: Exception) -> str:
    """Who suggests a trial instead of whom, and why."""
    kind = type(error).__name__.lstrip("_")
    return (
        f"{IN_WORDS[choice.stand_in.sampler]}, as {IN_WORDS[choice.sampler]} met a numerical error "
        f"({kind})"
    )


def in_words(
    choice: Choice, pruner: Pruner, stood_in: StoodIn | None = None, *, finished: int
) -> str:
    """Which sampler works and why, and the pruner, such as `TPE, median pruner`.

    Args:
        finished: trials that are COMPLETE or PRUNED.
    """
    startup = DEFAULT_SETTINGS.startup_trials
    starts = finished < startup and choice.sampler is not Sampler.RANDOM
    after = f" after {startup} start-up trials" if starts else ""
    why = f" ({choice.why})" if choice.why else ""
    works = f"{IN_WORDS[choice.sampler]}{after}{why}, {IN_WORDS[pruner]}"
    if stood_in is None:
        return works
    trials = "1 trial" if stood_in.trials == 1 else f"{stood_in.trials} trials"
    return f"{works}; a stand-in suggested {trials}, last #{stood_in.last}: {stood_in.why}"


def _is_endless(parameter: Parameter) -> bool:
    if isinstance(parameter, Categorical):
        return False
    try:
        low, high = float(parameter.low), float(parameter.high)
    except OverflowError:
        # An integer of Python's may be larger than any float.
        return True
    return not parameter.log and not math.isfinite(high - low)


def _too_fine(space: SearchSpace, settings: SearchSettings) -> str:
    """The first integer of more values than a Gaussian process can list, in words."""
    for name, it in space.parameters.items():
        if isinstance(it, Int) and (it.high - it.low) // it.step >= settings.gp_max_values:
            return f"{name} has more than {settings.gp_max_values:,} values"
    return ""


def _drawn_at_random(space: SearchSpace) -> str:
    drawn = [n for n, p in space.parameters.items() if isinstance(p, Categorical)]
    return f"choices are drawn at random: {', '.join(drawn)}" if drawn else ""
