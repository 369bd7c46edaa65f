"""A study on one page of Markdown, as somebody would paste it into a wiki."""

import re
from collections.abc import Sequence

from mcp_automl.answers import BestParams, Comparison, StudyStatus
from mcp_automl.domain.study import StudyConfig, TrialState
from mcp_automl.server import money, recipe, spaces
from mcp_automl.server.tables import all_columns
from mcp_automl.server.text import standing
from mcp_automl.server.words import LEAST_DOLLARS, dollars, duration, exact, moment, plain, score

MAX_TRIALS = 10
MAX_PARAMS = 12
MAX_SENTENCE = 600

COUNTS = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}

_MARKUP = re.compile(
    r"[\\`*\[\]!#|<>&~$]|(?<![^\W_])_|_(?![^\W_])"
    r"|:(?=//)|(?<=www)\.|^[-+](?=\s)|(?<=^[0-9])[.)](?=\s)",
    re.IGNORECASE,
)
"""What is mark-up, a bare address among it, which wikis make a link of, and what begins a list.

Within a word an underscore is none, and names such as `batch_size` have many.
"""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", ":": "&#58;", ".": "&#46;"}


def page(
    status: StudyStatus,
    top: Comparison | None,
    best: BestParams | None = None,
    mattered: Sequence[str] = (),
) -> str:
    """The report.

    Args:
        top: its best trials; None while there is none.
        best: the first of them with what trains it again.
        mattered: what is known of the parameters, in sentences.
    """
    study, config = status.study, status.study.config
    return "\n".join(
        [
            f"# {_cell(config.name)}",
            "",
            *_facts(status),
            "",
            "## Best trial",
            "",
            *_best(status),
            "",
            *([] if best is None else _again(best)),
            "## Best trials side by side",
            "",
            *(["None has finished yet."] if top is None else _table(top, status.cost_usd)),
            "",
            *_mattered(mattered),
            "## What was searched",
            "",
            *_searched(config),
            "",
            f"By mcp-automl, study {study.id}, seed {config.seed}.",
        ]
    )


def _facts(status: StudyStatus) -> list[str]:
    study, config = status.study, status.study.config
    counts = ", ".join(
        f"{status.counts.get(state, 0)} {word}"
        for state, word in COUNTS.items()
        if status.counts.get(state, 0)
    )
    rows = [
        ("State", f"{study.state.value}{f': {study.reason}' if study.reason else ''}"),
        ("Model", config.model),
        ("Data", study.data or "not chosen yet"),
        ("Objective", f"{config.objective.name}, {_way(status)}"),
        ("Trials", f"{status.done} of {config.n_trials} done ({counts or 'none begun yet'})"),
        ("Search", status.search or "not known"),
        ("Time", f"{duration(status.elapsed_s)}, {_begun(study.started_at)}"),
        ("Cost", f"{dollars(status.cost_usd)}{money.of_budget(study)}"),
    ]
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows)]


def _begun(at: float | None) -> str:
    day, _, time = (moment(at) or "").partition("T")
    return f"begun on {day} at {time[:5]} UTC" if day else "not begun yet"


def _way(status: StudyStatus) -> str:
    return "maximized" if status.study.config.objective.maximize else "minimized"


def _best(status: StudyStatus) -> list[str]:
    best = status.best
    if best is None:
        return ["None has finished yet."]
    objective = status.study.config.objective.name
    others = [f"- {_cell(name)}: {score(value)}" for name, value in status.other_metrics.items()]
    params = list(best.params.items())[:MAX_PARAMS]
    return [
        f"Trial {best.number}: **{_cell(objective)} {score(best.value)}**{standing(best)}",
        "",
        *(f"- **{_cell(name)}** = {_cell(exact(value))}" for name, value in params),
        *(["", "Its last epoch's other metrics:", "", *others[:MAX_PARAMS]] if others else []),
    ]


def _again(best: BestParams) -> list[str]:
    """What trains it once more, indented as code is; on one line, or it would be something else."""
    ways = {
        "The model to keep, by a tool call:": recipe.command(best),
        "The same training, from a terminal:": recipe.terminal(best),
    }
    known = {way: command for way, command in ways.items() if command and command.isprintable()}
    lines = [line for way, command in known.items() for line in (way, "", f"    {command}", "")]
    return ["## Training it again", "", *lines] if lines else []


def _searched(config: StudyConfig) -> list[str]:
    _, *lines = spaces.lines(config)
    return [f"- {_cell(line.strip())}" for line in lines] or ["Nothing: all trials are the same."]


def _mattered(sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    return ["## What mattered", "", *(f"- {_cell(it, MAX_SENTENCE)}" for it in sentences), ""]


def _table(top: Comparison, total_usd: float) -> list[str]:
    names = all_columns(top)[:MAX_PARAMS]
    dearest = max(trial.cost_usd for trial in top.trials)
    costs = ["cost"] if dearest >= LEAST_DOLLARS else []
    head = ["trial", top.study.config.objective.name, *names, "epochs trained", *costs]
    lines = [_row(head), f"|{'---|' * len(head)}"]
    for trial in top.trials:
        values = [exact(trial.params[n]) if n in trial.params else "-" for n in names]
        mark = " (pruned)" if trial.state is TrialState.PRUNED else ""
        number = f"{trial.number}{mark}"
        cost = [dollars(trial.cost_usd)] if costs else []
        lines.append(_row([number, score(trial.value), *values, str(trial.epoch), *cost]))
    if dearest and not costs:
        each = f"Each of these cost {dollars(dearest)}"
        lines += ["", f"{each}; the study, {dollars(total_usd)} in all."]
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str, limit: int = 300) -> str:
    """Others' words as they are, and no mark-up: what Markdown or HTML would read is escaped."""
    return _MARKUP.sub(lambda it: _ENTITIES.get(it[0], f"\\{it[0]}"), plain(text, limit))
