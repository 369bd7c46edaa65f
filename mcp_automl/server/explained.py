"""What mattered in a study, as a text."""

import json

from mcp_automl.domain.explanation import Explanation, Next
from mcp_automl.domain.figures import several
from mcp_automl.domain.insight import Finding, Insight
from mcp_automl.domain.pictures.importances import basis, in_words, unjudged
from mcp_automl.domain.pictures.regions import region_in_words
from mcp_automl.server.shapes import scalars
from mcp_automl.server.spaces import as_structure
from mcp_automl.server.tables import fitting
from mcp_automl.server.words import plain, quoted

MAX_PARAMETERS = 20
MAX_NAME = 56
"""Characters of a study's name that are left for another one's."""


def text(answer: Explanation) -> str:
    """Two sentences, the numbers behind them, and the call that follows."""
    found, name = answer.insight, plain(answer.seen.study.config.name)
    head = f"[Info] AutoML Study Explained: {name} ({several(found.finished, 'finished trial')})"
    shown = found.findings[:MAX_PARAMETERS]
    numbers = [plain(f"{in_words(it)}; the best have {good(it)}", 400) for it in shown]
    rest = [plain(line) for line in unjudged(found)]
    lines = fitting([*numbers, *rest, *compared(found)], "lines")
    return "\n".join([head, *sentences(answer), *lines, f"Next: {next_call(answer)}"])


def sentences(answer: Explanation) -> list[str]:
    """What mattered, and where the good region is."""
    return [plain(sentence, 700) for sentence in answer.sentences]


def compared(found: Insight) -> list[str]:
    """What was compared with what, if anything was."""
    return [plain(basis(found), 400)] if found.findings else []


def good(finding: Finding) -> str:
    """Where the best trials lie."""
    return region_in_words(finding.parameter, finding.region)


def next_call(answer: Explanation) -> str:
    config = answer.seen.study.config
    name = f"study_name={quoted(config.name)}"
    match answer.next:
        case Next.WAIT:
            return f"get_automl_study_status({name}); explain it again once it has ended"
        case Next.MORE_TRIALS:
            return f"start_automl_study({name}, n_trials={answer.n_trials}) goes on with it"
        case Next.NARROWER:
            return _another(answer)
        case Next.WIDER:
            known = f"automl://trainers/{plain(config.model)}"
            return f"start_automl_study with another name and wider bounds; {known} has the widest"
        case Next.ELSEWHERE:
            return f'export_automl_study({name}, format="csv") for all its trials'


def _another(answer: Explanation) -> str:
    config = answer.seen.study.config
    assert answer.space is not None
    space = {**as_structure(answer.space), **scalars(config.constants)}
    written = json.dumps(space, default=dict)
    return (
        f"start_automl_study(study_name={quoted(plain(config.name, MAX_NAME) + '-narrow')}, "
        f"model_type={quoted(config.model)}, epochs_max={config.epochs_max}, "
        f"search_space={written})"
    )
