"""The sampler and the pruner that somebody asks for by name, and what is said of them."""

from enum import Enum
from typing import TypeVar

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.sampling import Choice, Pruner, Sampler, choose
from mcp_automl.domain.space import Categorical, SearchSpace
from mcp_automl.domain.study import StudyConfig

Guide = TypeVar("Guide", bound=Sampler | Pruner)

_SAMPLERS = {
    Sampler.TPE: "TPE",
    Sampler.GP: "Gaussian process",
    Sampler.CMAES: "CMA-ES",
    Sampler.RANDOM: "random search",
}


def guides(sampler: str | None, pruner: str | None) -> tuple[Sampler, Pruner]:
    """What shall guide a new study; of what was not said, the default.

    Raises:
        InvalidRequest: there is none of that name.
    """
    chosen = Sampler.TPE if sampler is None else understood(Sampler, sampler)
    return chosen, chosen.usual_pruner if pruner is None else understood(Pruner, pruner)


def understood(kind: type[Guide], name: str) -> Guide:
    """The one of that name, however it is capitalised.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        return kind(name.strip().lower())
    except ValueError:
        raise InvalidRequest(
            f"{kind.__name__.lower()}: {name[:40]!r} is none; choose {_listed(kind)}"
        ) from None


def unfit(sampler: Sampler, space: SearchSpace) -> str:
    """Why a sampler asked for by its name cannot do the space justice; empty where it can."""
    if sampler not in (Sampler.GP, Sampler.CMAES):
        return ""
    if space.when:
        return (
            f"sampler {sampler.value!r} knows nothing of parameters that exist in some trials "
            f"only ({', '.join(sorted(space.when))}); choose 'auto' or 'tpe'"
        )
    numeric = sum(not isinstance(p, Categorical) for p in space.parameters.values())
    if sampler is Sampler.CMAES and numeric < 2:
        return (
            "sampler 'cmaes' needs at least two numeric parameters, and draws choices at random; "
            "choose 'auto' or 'tpe'"
        )
    return ""


def in_words(config: StudyConfig, finished: int, *, has_torch: bool) -> str:
    """How a study is searched now, for a reader; empty for a training job.

    Args:
        finished: its COMPLETE and PRUNED trials.
        has_torch: whether a Gaussian process can be had.
    """
    if config.job is not None:
        return ""
    choice = choose(config.sampler, config.space, finished, lambda: has_torch)
    return f"{_sampler(choice)}; pruner: {config.pruner.value}"


def _sampler(choice: Choice) -> str:
    why = f" ({choice.why})" if choice.why else ""
    return f"{_SAMPLERS[choice.sampler]}{' by groups' if choice.grouped else ''}{why}"


def _listed(kind: type[Enum]) -> str:
    *names, last = (repr(one.value) for one in kind)
    return f"{', '.join(names)} or {last}"
