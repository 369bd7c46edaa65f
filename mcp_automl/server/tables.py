"""Trials and studies as tables that stay readable at any size."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from mcp_automl.answers import Comparison
from mcp_automl.domain.paging import how_many_fit
from mcp_automl.domain.space import Float, Parameter, Value
from mcp_automl.domain.study import Study, Trial, TrialState
from mcp_automl.server import spaces
from mcp_automl.server.text import best_call
from mcp_automl.server.words import exact, plain, quoted, score

MAX_COLUMNS = 8
MAX_CHARACTERS = 4_000
"""About 1,500 tokens of a table: what does not fit is counted."""

MANY = 10
"""Above so many trials, a reply may not hold all that was asked for."""

HEADINGS = {"lr": "LR", "batch_size": "Batch", "epochs": "Epochs", "val_accuracy": "Val Acc"}
WIDTHS = {"lr": 13}
GAP = 4


def comparison(answer: Comparison) -> str:
    """The best trials, a row each."""
    config = answer.study.config
    names = _columns(answer)
    table = [
        ["Trial", _heading(config.objective.name), *(_heading(name) for name in names)],
        *(_row(trial, names, config.space.parameters) for trial in answer.trials),
    ]
    widths = [0, 0, *(WIDTHS.get(name, 0) for name in names)]
    header, *rows = aligned(table, widths)
    n = len(answer.trials)
    title = f"[Info] Top {n} {'Trial' if n == 1 else 'Trials'} for {plain(config.name)}:"
    lines = [title, "=" * 80, header, "─" * 64, *fitting(rows, "trials")]
    if any(trial.state is TrialState.PRUNED for trial in answer.trials):
        lines += ["", "* pruned: its value is that of the epoch it was stopped at"]
    return "\n".join([*lines, *_beneath(answer, len(names))])


def _beneath(answer: Comparison, columns: int) -> list[str]:
    study = answer.study
    hidden = len(all_columns(answer)) - columns
    more = "1 more parameter is" if hidden == 1 else f"{hidden} more parameters are"
    lines = [f"{more} in the structured result"] if hidden > 0 else []
    lines += [_everything(study)] if hidden > 0 or len(answer.trials) > MANY else []
    return ["", *lines, *spaces.fixed(study.config), f"Next: {best_call(study)}"]


def _everything(study: Study) -> str:
    """Where all trials are with all that belongs to them."""
    name = study.config.name
    return (
        f"All trials, whole: automl://studies/{quote(name, safe='')}/trials a page at a time, or "
        f'export_automl_study(study_name={quoted(name)}, format="csv") for a file'
    )


def all_columns(answer: Comparison) -> list[str]:
    """The parameters that differ between trials, in the order of the search space."""
    config = answer.study.config
    named = dict.fromkeys(config.space.parameters)
    searched = {n for trial in answer.trials for n in trial.params if n not in config.constants}
    return [n for n in named if n in searched] + sorted(searched - set(named))


def _columns(answer: Comparison) -> list[str]:
    return all_columns(answer)[:MAX_COLUMNS]


def _row(trial: Trial, names: Sequence[str], space: Mapping[str, Parameter]) -> list[str]:
    mark = "*" if trial.state is TrialState.PRUNED else ""
    cells = (_cell(trial.params.get(name), space.get(name)) for name in names)
    return [f"#{trial.number}{mark}", score(trial.value), *cells]


def _cell(value: Value, parameter: Parameter | None) -> str:
    if isinstance(value, float):
        # On a log scale the exponent is what the eye compares.
        logarithmic = isinstance(parameter, Float) and parameter.log
        return f"{value:.2e}" if logarithmic else f"{value:.4g}"
    return "-" if value is None else plain(exact(value), 16)


def _heading(name: str) -> str:
    return HEADINGS.get(name) or plain(name.replace("_", " ").title(), 16)


def fitting(rows: Sequence[str], what: str, room: int = MAX_CHARACTERS) -> list[str]:
    """As many rows as a reply can hold, and a line that counts the others."""
    shown = rows[: how_many_fit((len(row) + 1 for row in rows), room)]
    hidden = len(rows) - len(shown)
    what = what.removesuffix("s") if hidden == 1 else what
    return [*shown, *([f"... and {hidden} more {what}"] if hidden else [])]


def aligned(table: list[list[str]], least: Sequence[int], gap: int = GAP) -> list[str]:
    """Rows in columns as wide as the heading and a gap, or as the longest cell needs."""
    widths = []
    for column, cells in enumerate(zip(*table, strict=True)):
        minimum = least[column] if column < len(least) else 0
        widths.append(max(minimum, len(cells[0]) + gap, max(len(cell) for cell in cells) + 2))
    return ["".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in table]
