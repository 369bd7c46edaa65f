"""The command line: what a chat client can do, without one, and the two processes behind it."""

import sys
import time
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from mcp_automl.domain.errors import AutomlError
from mcp_automl.settings import Settings

app = typer.Typer(
    name="mcp-automl",
    help="Tune a real model: in the background, on this machine, within a budget.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console()

LOOK_SECONDS = 0.5


@app.command()
def serve() -> None:
    """Serve MCP over stdin and stdout; a chat client starts this."""
    from mcp_automl.composition import build_service
    from mcp_automl.server.app import serve as serve_stdio

    serve_stdio(build_service)


@app.command()
def orchestrate() -> None:
    """Run the workspace's studies in this process until there are none; servers start this."""
    from mcp_automl.composition import run_orchestrator

    run_orchestrator(Settings())


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
    n_trials: Annotated[int | None, typer.Option(help="Trials in total [new study: 20].")] = None,
    epochs_max: Annotated[int | None, typer.Option(help="Most epochs a trial trains [5].")] = None,
    budget: Annotated[float | None, typer.Option(help="Most dollars the study may spend.")] = None,
    name: Annotated[str | None, typer.Option(help="The study's name; an old one goes on.")] = None,
) -> None:
    """Run a study and watch it. It goes on if you leave; the same name shows it again."""
    from mcp_automl.composition import build_service
    from mcp_automl.progress import study_name, watch
    from mcp_automl.server import text

    service = build_service()
    chosen = name or study_name(model)
    started = service.start_study(chosen, model, n_trials, epochs_max, budget)
    console.print(text.started(started), markup=False, highlight=False, soft_wrap=True)
    try:
        status = watch(console, lambda: service.status(chosen), lambda: time.sleep(LOOK_SECONDS))
    except KeyboardInterrupt:
        console.print(f"It goes on. See it again: mcp-automl tune {model} --name {chosen}")
        sys.exit(130)
    console.print(text.status(status), markup=False, highlight=False, soft_wrap=True)


@app.command()
def studies() -> None:
    """List all studies of the workspace."""
    from mcp_automl.composition import build_service
    from mcp_automl.server import tables

    listed = tables.studies(build_service().studies(), time.time())
    console.print(listed, markup=False, highlight=False, soft_wrap=True)


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
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        _fail(f"a setting cannot be used: {'; '.join(wrong)}")


def _fail(message: str) -> None:
    # As it is: an extra's name in brackets is no markup.
    text = Text(f"error: {message}", style="red")
    Console(stderr=True, soft_wrap=True).print(text, highlight=False)
    sys.exit(1)
