"""What mattered in a study, as a text; every part of it stands in the structure once more."""

import json
from collections.abc import Container, Sequence

from mcp_automl.domain.explanation import Explanation, Next, widened
from mcp_automl.domain.figures import listed, several
from mcp_automl.domain.insight import Finding, Insight
from mcp_automl.domain.paging import how_many_fit
from mcp_automl.domain.pictures.importances import basis, in_words
from mcp_automl.domain.pictures.regions import region_in_words
from mcp_automl.domain.sampling import Sampler
from mcp_automl.domain.study import StudyConfig
from mcp_automl.server.shapes import scalars
from mcp_automl.server.spaces import as_structure
from mcp_automl.server.spaces import in_words as bounds
from mcp_automl.server.words import plain, quoted

ROOM = 800
"""Characters of what is told parameter by parameter: the structure needs twice as many."""

MAX_CALL = 500
"""Characters of the call that follows; a longer one names what is to be changed."""

MAX_NAME = 56
"""Characters of a study's name that are left for another one's."""

NEEDS = {
    Next.WAIT: "get_automl_study_status",
    Next.MORE_TRIALS: "start_automl_study",
    Next.NARROWER: "start_automl_study",
    Next.WIDER: "start_automl_study",
    Next.ELSEWHERE: "export_automl_study",
}
"""The tool of each advice."""


def text(answer: Explanation, missing: Container[str] = ()) -> str:
    """Two sentences, the numbers behind them, and the call that follows.

    Args:
        missing: tools that are not offered here; none of them is named.
    """
    found, name = answer.insight, plain(answer.seen.study.config.name)
    head = f"[Info] AutoML Study Explained: {name} ({several(found.finished, 'finished trial')})"
    numbers = [told(it, found.best) for it in shown(found)]
    rest = [*beyond(answer), *compared(found)]
    call = f"Next: {next_call(answer, missing)}"
    return "\n".join([head, *sentences(answer), *numbers, *rest, call])


def told(finding: Finding, best: int) -> str:
    """What it did, and where the best so many trials have it."""
    who = f"the best {best} have " if finding.region.trials else ""
    return plain(f"{in_words(finding)}; {who}{good(finding)}", 260)


def shown(found: Insight) -> Sequence[Finding]:
    """The most important parameters, as many as there is room for."""
    lengths = (len(told(finding, found.best)) for finding in found.findings)
    return found.findings[: how_many_fit(lengths, ROOM)]


def beyond(answer: Explanation) -> list[str]:
    """How many parameters are not told of, and where all are."""
    found = answer.insight
    first = len(shown(found))
    more = len(found.findings) - first + len(found.unjudged)
    if not more:
        return []
    uri = f"automl://studies/{plain(answer.seen.study.config.name)}/importance"
    unjudged = f", {len(found.unjudged)} of which nothing can be said" if found.unjudged else ""
    return [f"{several(more, 'more parameter')}{unjudged}: read {uri}?offset={first}"]


def sentences(answer: Explanation) -> list[str]:
    """What mattered, and where the good region is."""
    return [plain(sentence, 600) for sentence in answer.sentences]


def compared(found: Insight) -> list[str]:
    """What was compared with what, if anything was."""
    return [plain(basis(found), 400)] if found.findings else []


def good(finding: Finding) -> str:
    """Where the best trials lie."""
    return region_in_words(finding.parameter, finding.region)


def next_call(answer: Explanation, missing: Container[str] = ()) -> str:
    """What to try, as a call where that tool is offered."""
    config = answer.seen.study.config
    name = f"study_name={quoted(config.name)}"
    if NEEDS[answer.next] in missing:
        return _elsewhere(answer)
    match answer.next:
        case Next.WAIT:
            return f"get_automl_study_status({name}); explain it again once it has ended"
        case Next.MORE_TRIALS:
            return f"start_automl_study({name}, n_trials={answer.n_trials}) goes on with it"
        case Next.NARROWER:
            return _another(answer, "narrow", "narrowed to where the best lie")
        case Next.WIDER if answer.space is not None:
            return _another(answer, "wide", "widened to what the trainer allows")
        case Next.WIDER:
            return _wider(answer)
        case Next.ELSEWHERE:
            return f'export_automl_study({name}, format="csv") for all its trials'


def _elsewhere(answer: Explanation) -> str:
    """Where the tool that it takes is not offered."""
    match answer.next:
        case Next.WAIT:
            return "explain it again once the study has ended"
        case Next.ELSEWHERE:
            return f"read automl://studies/{plain(answer.seen.study.config.name)}/trials"
        case _:
            return f"{answer.next.value}, on a server that may start studies; this one may not"


def _wider(answer: Explanation) -> str:
    known = f"automl://trainers/{plain(answer.seen.study.config.model)}"
    widest = [
        f"{plain(it.name, 40)} ({bounds(answer.widest[it.name])} is the widest)"
        for it in widened(answer.insight, answer.widest)
        if it.name in answer.widest
    ]
    of = f" of {listed(widest[:3])}" if widest else f"; {known} has the widest"
    return f"start_automl_study with another name and wider bounds{of}"


def _way(config: StudyConfig) -> str:
    """How it was searched, where that is not how a new study would be."""
    sampler, pruner = config.sampler, config.pruner
    ways = {
        "sampler": "" if sampler is Sampler.TPE else sampler.value,
        "pruner": "" if pruner is sampler.usual_pruner else pruner.value,
    }
    return "".join(f", {argument}={quoted(way)}" for argument, way in ways.items() if way)


def _another(answer: Explanation, suffix: str, how: str) -> str:
    """The other study as a call; of a large space what is to be changed alone."""
    config, space = answer.seen.study.config, answer.space
    assert space is not None
    whole = {**as_structure(space), **scalars(config.constants)}
    changed = {
        n: it
        for n, it in whole.items()
        if space.parameters.get(n) != config.space.parameters.get(n)
    }
    call = (
        f"start_automl_study(study_name={quoted(f'{plain(config.name, MAX_NAME)}-{suffix}')}, "
        f"model_type={quoted(config.model)}, epochs_max={config.epochs_max}{_way(config)}, "
        "search_space="
    )
    written = f"{call}{json.dumps(whole, default=dict)})"
    if len(written) <= MAX_CALL:
        return written
    rest = f"; the rest of search_space as automl://studies/{plain(config.name)} has it"
    written = f"{call}{json.dumps(changed, default=dict)}){rest}"
    if len(written) <= MAX_CALL:
        return written
    names = [plain(name, 40) for name in changed]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    what = f"{', '.join(names[:5])}{more}"
    return f"start_automl_study with another name, {what} {how}{rest}"
