"""A study on one page of Markdown, as somebody would paste it into a wiki."""

import re

from mcp_automl.answers import Comparison, StudyStatus
from mcp_automl.domain.study import TrialState
from mcp_automl.server import money, spaces
from mcp_automl.server.text import standing
from mcp_automl.server.words import dollars, duration, exact, moment, plain, score

MAX_TRIALS = 10
MAX_PARAMS = 12

_MARKUP = re.compile(r"[\\`*\[\]!#|<>&~]|(?<![^\W_])_|_(?![^\W_])")
"""Within a word an underscore is no mark-up, and names such as `batch_size` have many."""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def page(status: StudyStatus, top: Comparison | None) -> str:
    """The report.

    Args:
        top: its best trials; None while there is none.
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
            "## Best trials side by side",
            "",
            *(["None has finished yet."] if top is None else _table(top)),
            "",
            "## What was searched",
            "",
            *(f"- {_cell(line.strip())}" for line in spaces.lines(config)),
            "",
            f"By mcp-automl, study {study.id}, seed {config.seed}.",
        ]
    )


def _facts(status: StudyStatus) -> list[str]:
    study, config = status.study, status.study.config
    counts = ", ".join(
        f"{status.counts.get(state, 0)} {state.value}"
        for state in TrialState
        if status.counts.get(state, 0)
    )
    rows = [
        ("State", f"{study.state.value}{f': {study.reason}' if study.reason else ''}"),
        ("Model", config.model),
        ("Data", study.data or "not chosen yet"),
        ("Objective", f"{config.objective.name}, {_way(status)}"),
        ("Trials", f"{status.done} of {config.n_trials} ({counts or 'none yet'})"),
        ("Time", f"{duration(status.elapsed_s)}, begun {moment(study.started_at) or 'not yet'}"),
        ("Cost", f"{dollars(status.cost_usd)}{money.of_budget(study)}"),
    ]
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows)]


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
        f"Trial #{best.number}: **{_cell(objective)} {score(best.value)}**{standing(best)}",
        "",
        *(f"- **{_cell(name)}** = {_cell(exact(value))}" for name, value in params),
        *(["", "Its last epoch's other metrics:", "", *others[:MAX_PARAMS]] if others else []),
    ]


def _table(top: Comparison) -> list[str]:
    names = list(dict.fromkeys(n for trial in top.trials for n in trial.params))[:MAX_PARAMS]
    head = ["trial", top.study.config.objective.name, *names, "epochs trained", "cost"]
    lines = [_row(head), _row(["---"] * len(head))]
    for trial in top.trials:
        values = [exact(trial.params[n]) if n in trial.params else "-" for n in names]
        mark = " (pruned)" if trial.state is TrialState.PRUNED else ""
        number = f"#{trial.number}{mark}"
        lines.append(
            _row([number, score(trial.value), *values, str(trial.epoch), dollars(trial.cost_usd)])
        )
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Others' words as they are, and no mark-up: what Markdown or HTML would read is escaped."""
    return _MARKUP.sub(lambda it: _ENTITIES.get(it[0], f"\\{it[0]}"), plain(text, 300))
