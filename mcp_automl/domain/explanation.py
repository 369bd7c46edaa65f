"""What mattered, which region is good and what to try next: two sentences, and the numbers.

Nothing is said that the trials do not show: what may be luck is called so, and where nothing can be
said, that is said.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from mcp_automl.domain.bounds import MAX_TRIALS
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import cut, figure, listed, outward, percent, several
from mcp_automl.domain.finished import Finished, value_of
from mcp_automl.domain.insight import Finding, Insight, Region
from mcp_automl.domain.pictures.regions import region_in_words
from mcp_automl.domain.search import EPOCHS
from mcp_automl.domain.space import Categorical, Float, Int, Parameter, SearchSpace

TOLD = 3
"""Parameters that a sentence names."""

NAME = 24
"""Characters of each."""


class Next(Enum):
    """What to try."""

    WAIT = "wait until the study has ended"
    MORE_TRIALS = "more trials"
    NARROWER = "a narrower study"
    WIDER = "a study with wider bounds"
    ELSEWHERE = "go on in Optuna, because here the study can only be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A study's parameters, judged, and the advice that follows."""

    seen: Finished
    insight: Insight
    sentences: tuple[str, str]
    next: Next
    widest: Mapping[str, Parameter]
    """All that the trainer allows, where that is known."""
    n_trials: int = 0
    """With MORE_TRIALS: the new total."""
    space: SearchSpace | None = None
    """With NARROWER, and with WIDER where that is known: what to search."""


def explanation(
    seen: Finished, found: Insight, widest: Mapping[str, Parameter] = MappingProxyType({})
) -> Explanation:
    """Explains a study.

    Args:
        widest: all that its trainer allows, by parameter; empty where that is not known.
    """
    narrower = narrowed(seen.study.config.space, found.clear)
    chosen = _next(seen, found, narrower, widest)
    spaces = {Next.NARROWER: narrower}
    if chosen is Next.WIDER:
        spaces[chosen] = wider(seen.study.config.space, widened(found, widest), widest)
    return Explanation(
        seen=seen,
        insight=found,
        sentences=(_mattered(found), _good(seen, found, chosen, widest)),
        next=chosen,
        widest=widest,
        n_trials=_more(seen) if chosen is Next.MORE_TRIALS else 0,
        space=spaces.get(chosen),
    )


def _next(
    seen: Finished,
    found: Insight,
    narrower: SearchSpace | None,
    widest: Mapping[str, Parameter],
) -> Next:
    study = seen.study
    if study.id < 0:
        return Next.ELSEWHERE
    if study.state.should_run:
        return Next.WAIT
    if widened(found, widest):
        return Next.WIDER
    if narrower is not None:
        return Next.NARROWER
    return Next.MORE_TRIALS


def widened(found: Insight, widest: Mapping[str, Parameter]) -> list[Finding]:
    """What mattered and is best at a bound beyond which the trainer allows more."""
    at_edge = (finding for finding in found.clear if finding.region.edge)
    return [finding for finding in at_edge if not _is_end(finding, widest)]


def wider(
    space: SearchSpace, at_edge: Iterable[Finding], widest: Mapping[str, Parameter]
) -> SearchSpace | None:
    """The space up to where the trainer's bounds are; None where these cannot be asked for."""
    changed = dict(space.parameters)
    for it in at_edge:
        reaching = _reaching(it.parameter, it.region.edge, widest.get(it.name))
        # How many epochs there are is an argument of its own.
        if reaching is None or it.name == EPOCHS:
            return None
        changed[it.name] = reaching
    return SearchSpace(changed, space.when)


def _reaching(searched: Parameter, edge: str, allowed: Parameter | None) -> Parameter | None:
    """The parameter up to the bound that is allowed at that edge."""
    lower = edge == "lower"
    match searched, allowed:
        case (Float(log=True) | Int(log=True), Float(low=low) | Int(low=low)) if lower and low <= 0:
            return None
        case Float() as now, Float() as most:
            return replace(now, low=most.low) if lower else replace(now, high=most.high)
        case Int() as now, Int() as most:
            return replace(now, low=most.low) if lower else replace(now, high=most.high)
        case _:
            return None


def _is_end(finding: Finding, widest: Mapping[str, Parameter]) -> bool:
    """Whether the trainer allows nothing beyond the bound that the best lie at."""
    parameter, allowed = finding.parameter, widest.get(finding.name)
    if not isinstance(parameter, Float | Int) or not isinstance(allowed, Float | Int):
        return False
    if finding.region.edge == "lower":
        return parameter.low <= allowed.low
    return parameter.high >= allowed.high


def _more(seen: Finished) -> int:
    """As many once more, at least twenty in all."""
    return min(MAX_TRIALS, max(20, 2 * seen.study.config.n_trials))


def _mattered(found: Insight) -> str:
    if found.trouble:
        return f"Nothing can be said about what mattered: {found.trouble}."
    clear, unclear = found.clear, found.unclear
    if not clear:
        names = _names(unclear)
        return (
            f"No parameter stands out from luck in {several(found.used, 'finished trial')}: "
            f"{names} may or may not matter."
        )
    shares = [f"{cut(f.name, NAME)} ({_share(f)})" for f in clear[:TOLD]]
    luck = f", while {_names(unclear)} cannot be told from luck" if unclear else ""
    return f"What mattered, more than luck explains: {listed(shares)}{luck}."


def _share(finding: Finding) -> str:
    just = ", just above luck" if finding.is_close else ""
    return f"{percent(finding.share)} of the importance{just}"


def _names(findings: tuple[Finding, ...]) -> str:
    names = [cut(finding.name, NAME) for finding in findings[:TOLD]]
    more = len(findings) - len(names)
    return listed([*names, f"{more} more"] if more else names)


def _good(seen: Finished, found: Insight, chosen: Next, widest: Mapping[str, Parameter]) -> str:
    told = found.clear[:TOLD]
    if found.trouble or not told:
        best = f"#{seen.best.number} ({figure(value_of(seen.best))})"
        return f"The best so far is {best}; what to try next: {chosen.value}."
    where = "; ".join(
        f"{cut(f.name, NAME)} {region_in_words(f.parameter, f.region)}{_edge(f, widest)}"
        for f in told
    )
    return f"The best {found.best} trials have {where}; what to try next: {chosen.value}."


def _edge(finding: Finding, widest: Mapping[str, Parameter]) -> str:
    edge = finding.region.edge
    if not edge:
        return ""
    end = "lowest" if edge == "lower" else "highest"
    more = f", which is the {end} that the trainer allows" if _is_end(finding, widest) else ""
    return f", at the {edge} bound{more}"


def narrowed(space: SearchSpace, clear: tuple[Finding, ...]) -> SearchSpace | None:
    """The space with the good region of what stands out; None where that excludes nothing.

    What others depend on keeps all its values.
    """
    parents = {name for condition in space.when.values() for name in condition}
    changed = {
        finding.name: _narrowed(finding.parameter, finding.region)
        for finding in clear
        if finding.name not in parents and finding.region.trials
    }
    parameters = {**space.parameters, **changed}
    return None if parameters == dict(space.parameters) else SearchSpace(parameters, space.when)


def _narrowed(parameter: Parameter, where: Region) -> Parameter:
    if isinstance(parameter, Categorical):
        kept = {choice for choice, _ in where.choices}
        return Categorical(choices=tuple(c for c in parameter.choices if c in kept))
    try:
        if isinstance(parameter, Float):
            low, high = outward(where.low, where.high)
            narrow: Parameter = replace(
                parameter, low=max(low, parameter.low), high=min(high, parameter.high)
            )
        else:
            narrow = replace(parameter, low=int(where.low), high=int(where.high))
    except InvalidRequest:
        # Values from outside the bounds, as plain Optuna's studies may have.
        return parameter
    assert isinstance(narrow, Float | Int)
    return narrow if narrow.low < narrow.high else parameter
