"""The command line: what a chat client can do, without one, and the two processes behind it."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from mcp_automl.cli_config import ReadOnly, ToolsetNames
from mcp_automl.cli_config import app as config
from mcp_automl.domain.errors import AutomlError
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.study import StudyState
from mcp_automl.domain.toolsets import Offer
from mcp_automl.settings import Settings

if TYPE_CHECKING:
    from mcp_automl.service import Service

app = typer.Typer(
    name="mcp-automl",
    help="Tune a real model: in the background, on this machine, within a budget.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(config, name="config")
console = Console()

LOOK_SECONDS = 0.5


def _print(said: str) -> None:
    """Prints what others may have written as it is."""
    console.print(said, markup=False, highlight=False, soft_wrap=True)


@app.command()
def serve(toolsets: ToolsetNames = None, read_only: ReadOnly = False) -> None:
    """Serve MCP over stdin and stdout; a chat client starts this."""
    from mcp_automl.composition import build_service
    from mcp_automl.server.app import serve as serve_stdio

    serve_stdio(build_service, Offer.of(toolsets, read_only=read_only))


@app.command()
def orchestrate(
    wait: Annotated[
        float | None, typer.Option(help="Seconds to wait for another orchestrator to leave.")
    ] = None,
) -> None:
    """Run the workspace's studies in this process until there are none; servers start this."""
    from mcp_automl.composition import run_orchestrator

    run_orchestrator(Settings(), wait=wait)


@app.command()
def demo(
    model: Annotated[str, typer.Argument(help="What to tune.")] = "mnist",
    n_trials: Annotated[int, typer.Option(help="Trials in total.")] = 10,
) -> None:
    """Be a chat client: start `mcp-automl serve`, call its tools, show a study to its end."""
    import anyio

    from mcp_automl.demo import run_demo

    sys.exit(anyio.run(run_demo, console, model, n_trials))


@app.command()
def tune(
    model: Annotated[str, typer.Argument(help="What to tune, such as mnist.")],
    n_trials: Annotated[int | None, typer.Option(help="Trials in total (new study: 20).")] = None,
    epochs_max: Annotated[int | None, typer.Option(help="Most epochs a trial trains (5).")] = None,
    budget: Annotated[float | None, typer.Option(help="Most dollars the study may spend.")] = None,
    max_cost_per_trial: Annotated[
        float | None, typer.Option(help="Most dollars each trial may cost.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The study's name; an old one goes on.")] = None,
    space: Annotated[
        str | None,
        typer.Option(help='What to search, as JSON: \'{"lr": [1e-4, 1e-2], "batch_size": 64}\'.'),
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="tpe (the default), auto, gp, cmaes or random.")
    ] = None,
    pruner: Annotated[
        str | None, typer.Option(help="median, percentile, hyperband, asha or none.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would do and cost.")
    ] = False,
) -> None:
    """Run a study and watch it. It goes on if you leave; the same name shows it again.

    Exits with 1 if the study has FAILED.
    """
    from mcp_automl.composition import build_service
    from mcp_automl.progress import study_name
    from mcp_automl.server import quotes

    service = build_service()
    chosen = name or study_name(model)
    asked = StudyRequest(
        chosen, model, n_trials, epochs_max, budget, max_cost_per_trial, space, sampler, pruner
    )
    if dry_run:
        _print(quotes.dry_run(service.quote_study(asked)))
        return
    _run(service, asked, model)


def _run(service: "Service", asked: StudyRequest, model: str) -> NoReturn:
    """Starts a study, shows it until it ends, and exits with what came of it."""
    from mcp_automl.progress import watch
    from mcp_automl.server import text

    _print(text.started(service.start_study(asked)))
    chosen = asked.name
    try:
        status = watch(console, lambda: service.status(chosen), lambda: time.sleep(LOOK_SECONDS))
    except KeyboardInterrupt:
        console.print(f"It goes on. See it again: mcp-automl tune {model} --name {chosen}")
        sys.exit(130)
    _print(text.status(status))
    sys.exit(1 if status.study.state is StudyState.FAILED else 0)


@app.command()
def stop(name: Annotated[str, typer.Argument(help="The study's name.")]) -> None:
    """Stop a study; `tune --name NAME` goes on with it."""
    from mcp_automl.composition import build_service
    from mcp_automl.server import stopping

    said = stopping.stopped(build_service().stop_study(name))
    _print(said)


@app.command()
def delete(
    name: Annotated[str, typer.Argument(help="The study's name, to the letter.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the name again.")] = False,
) -> None:
    """Delete a study that has ended, with its trials, models and logs; what it cost stays."""
    from mcp_automl.composition import build_service
    from mcp_automl.server.deletion import deleted

    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("--yes is required where nobody can be asked")
    confirm = name if yes else typer.prompt(f"Type {name} to confirm deletion")
    if confirm != name:
        _fail(f"{confirm} is not {name}: nothing was deleted")
    _print(deleted(build_service().delete_study(name, confirm)))


@app.command()
def studies() -> None:
    """List all studies of the workspace."""
    from mcp_automl.composition import build_service
    from mcp_automl.server import tables

    listed = tables.studies(build_service().studies(), time.time())
    _print(listed)


@app.command()
def costs(
    by: Annotated[str, typer.Option(help="study, model, day or owner.")] = "study",
    since: Annotated[str | None, typer.Option(help="A date, or 7d for a week (ever).")] = None,
) -> None:
    """Say what was spent, over all studies of the workspace."""
    from mcp_automl.composition import build_service
    from mcp_automl.server.costs import costs as table

    said = table(build_service().cost_report(by, since))
    _print(said)


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="The study's name.")],
    format: Annotated[str, typer.Option(help="script, csv or json.")] = "script",
) -> None:
    """Write a study's best trial as a script, or all its trials as a table, to a file."""
    from mcp_automl.composition import build_service
    from mcp_automl.server.archive import exported

    _print(exported(build_service().export_study(name, format)))


@app.command()
def train(
    model: Annotated[str | None, typer.Argument(help="What to train (mnist).")] = None,
    params: Annotated[
        str | None, typer.Option(help='Its parameters, as JSON: \'{"lr": 1e-3, "epochs": 3}\'.')
    ] = None,
    study: Annotated[str | None, typer.Option(help="Take this study's best parameters.")] = None,
    final: Annotated[
        bool | None, typer.Option(help="Train on the validation data, too (if it can).")
    ] = None,
    register: Annotated[bool, typer.Option("--register", help="Register it in MLflow.")] = False,
    verify_seeds: Annotated[
        int | None, typer.Option(help="Train the study's best two so often each, and compare.")
    ] = None,
    priority: Annotated[str, typer.Option(help="urgent, normal or background.")] = "normal",
) -> None:
    """Train a model with given parameters, or a study's best ones, in the background."""
    from mcp_automl.composition import build_service
    from mcp_automl.domain.job_request import JobRequest
    from mcp_automl.server import job_text

    asked = JobRequest(
        model=model, params=params, study=study, final=final, register=register or None,
        verify_seeds=verify_seeds, priority=priority,
    )  # fmt: skip
    _print(job_text.started(build_service().desk.jobs.start(asked)))


@app.command()
def queue(job: Annotated[str | None, typer.Argument(help="Show this job, job-3.")] = None) -> None:
    """Show who holds slots and who waits, or where one training job stands."""
    from mcp_automl.composition import build_service
    from mcp_automl.server import job_text

    desk = build_service().desk
    said = job_text.queue(desk.queue.show()) if job is None else job_text.shown(desk.jobs.show(job))
    _print(said)


@app.command()
def cancel(job: Annotated[str, typer.Argument(help="The training job, job-3.")]) -> None:
    """End a training job, whether it waits or runs."""
    from mcp_automl.composition import build_service
    from mcp_automl.server import job_text

    _print(job_text.cancelled(build_service().desk.jobs.cancel(job)))


@app.command()
def doctor() -> None:
    """Say what is installed, which devices there are, and how the workspace is."""
    from mcp_automl.doctor import report

    healthy, table = report(Settings())
    console.print(table)
    sys.exit(0 if healthy else 1)


def main() -> None:
    """Runs a command; an expected error is one sentence on stderr, not a traceback."""
    try:
        app()
    except AutomlError as error:
        _fail(str(error))
    except ValidationError as error:
        wrong = (
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}, not {e['input']!r}"
            for e in error.errors()
        )
        _fail(f"a setting cannot be used: {'; '.join(wrong)}")


def _fail(message: str) -> None:
    # As it is: an extra's name in brackets is no markup.
    text = Text(f"error: {message}", style="red")
    Console(stderr=True, soft_wrap=True).print(text, highlight=False)
    sys.exit(1)
