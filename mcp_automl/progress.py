"""A study's progress on a terminal, for whoever watches one: `demo` through MCP, `tune` without."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mcp_automl.answers import StudyStatus
from mcp_automl.server.models import StatusModel, TrialModel
from mcp_automl.server.words import assignments, dollars, duration, score

BAR_WIDTH = 30

Show = Callable[[StatusModel], None]


def study_name(model: str) -> str:
    """A name for a study that was given none."""
    return f"{model}-opt-{datetime.now():%Y%m%d-%H%M%S}"


def watch(
    console: Console, look: Callable[[], StudyStatus], wait: Callable[[], None]
) -> StudyStatus:
    """Shows the study until nothing will change any more, and returns how it ended."""
    with display(console) as show:
        while True:
            status = look()
            show(StatusModel.of(status))
            if status.next_look_s is None:
                return status
            wait()


@contextmanager
def display(console: Console) -> Iterator[Show]:
    """Gives a function that shows a status: in place on a terminal, else a line per change."""
    if not console.is_terminal:
        yield _line_per_change(console)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield lambda status: live.update(_picture(status))


def _line_per_change(console: Console) -> Show:
    shown: list[str] = []

    def show(status: StatusModel) -> None:
        line = _headline(status)
        if line not in shown:
            shown.append(line)
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    return show


def _headline(status: StatusModel) -> str:
    best = f", best {status.study.objective} {score(status.best.value)}" if status.best else ""
    state = status.study.state.lower()
    return f"{status.study.name}: {state}, {status.done} of {status.study.n_trials} trials{best}"


def _picture(status: StatusModel) -> Group:
    bar = ProgressBar(total=status.study.n_trials, completed=status.done, width=BAR_WIDTH)
    head = Table.grid(padding=(0, 1))
    head.add_row(bar, Text(_headline(status)))
    left = f", about {duration(status.remaining_s)} left" if status.remaining_s is not None else ""
    elapsed, cost = duration(status.elapsed_s or 0.0), dollars(status.cost_usd or 0.0)
    tail = f"{elapsed} elapsed{left}; {cost} so far"
    return Group(head, *(_trial(trial, status) for trial in status.running), Text(tail, "dim"))


def _trial(trial: TrialModel, status: StatusModel) -> Table:
    epochs = trial.params.get("epochs")
    total = epochs if isinstance(epochs, int) else max(1, trial.epoch)
    others = {name: value for name, value in trial.params.items() if name != "epochs"}
    value = f"{status.study.objective} {score(trial.value)}" if trial.epoch else "starting"
    row = Table.grid(padding=(0, 1))
    row.add_row(
        Text(f"  #{trial.number:<3}"),
        ProgressBar(total=total, completed=trial.epoch, width=BAR_WIDTH // 2),
        Text(f"epoch {trial.epoch}/{total}  {value}  {assignments(others)}"),
    )
    return row
