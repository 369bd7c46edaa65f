"""Trainers as resources: what can be tuned, between which bounds, and how it is asked for."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer

from mcp_automl.domain.declared import Declared, DeclaredTrainer
from mcp_automl.domain.search import EPOCHS
from mcp_automl.server.resources import read
from mcp_automl.server.spaces import condition_in_words, in_words
from mcp_automl.server.words import exact, plain

if TYPE_CHECKING:
    from mcp_automl.service import Service

MARKDOWN = "text/markdown"

HOW = """\
In `start_automl_study`, `search_space` is an object by parameter. Each is one of:

- a range: `{"type": "float", "low": 1e-4, "high": 1e-2, "log": true}` or `{"type": "int", "low": 2,
  "high": 8, "step": 2}`; in short `[1e-4, 1e-2]`, where the table has a range;
- choices: `{"type": "categorical", "choices": [32, 64]}`; in short `[32, 64, 128]`;
- a single value, which fixes it; or `"default"`, which searches it as the table says.

`"when": {"NAME": VALUE}` beside a range or choices lets a parameter exist only where another one
has that value, or one of a list. What is not named stays as it is: searched by default, or fixed at
its default. Of `epochs` and `epochs_max` one is enough; together they must agree."""


GPUS = {0: "no GPU", 0.5: "half a GPU", 1: "a whole GPU", 2: "two GPUs"}


def add_trainer_resources(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    """Gives the server the list of trainers, and one trainer's parameters."""

    @server.resource(
        "automl://trainers",
        name="trainers",
        title="Models that can be tuned",
        description="Every model_type of start_automl_study, with what it measures.",
        mime_type=MARKDOWN,
    )
    def trainers() -> str:
        return read(lambda: listing(service()))

    @server.resource(
        "automl://trainers/{name}",
        name="trainer",
        title="A model's parameters",
        description="What can be tuned of one model: bounds, defaults, and how to ask for it.",
        mime_type=MARKDOWN,
    )
    def trainer(name: str) -> str:
        return read(lambda: page(service().trainers.declaration(name)))


def listing(service: "Service") -> str:
    """All trainers, one a line."""
    known = [service.trainers.declaration(name) for name in service.trainers.names]
    return "\n".join(["# Models that can be tuned", "", *map(_line, known)])


def page(trainer: DeclaredTrainer) -> str:
    """One trainer, with all its parameters."""
    if not trainer.parameters:
        return f"# {plain(trainer.name)}\n\nIt cannot be used here: {plain(trainer.trouble, 400)}"
    searched = [p for p in trainer.parameters if p.in_default_space]
    others = [p for p in trainer.parameters if not p.in_default_space]
    return "\n".join(
        [
            f"# {plain(trainer.name)}",
            "",
            f"{plain(trainer.description, 400)} Objective: {_objectives(trainer)}.",
            _final(trainer),
            *_taken(trainer),
            *(
                [f"It cannot be used here: {plain(trainer.trouble, 400)}"]
                if trainer.trouble
                else []
            ),
            "",
            "| parameter | searched | may be | default | |",
            "|---|---|---|---|---|",
            *map(_row, searched),
            *map(_row, others),
            "",
            f"Searched by default: {', '.join(plain(p.name, 40) for p in searched)}.",
            "",
            HOW,
            "",
            "All that can be searched beside epochs, as `search_space`:",
            "",
            "```json",
            _everything(trainer),
            "```",
        ]
    )


def _line(trainer: DeclaredTrainer) -> str:
    if not trainer.parameters:
        return f"- `{plain(trainer.name)}`: it cannot be used here: {plain(trainer.trouble, 400)}"
    words = f"- `{plain(trainer.name)}`: {plain(trainer.description, 400)}"
    cannot = f" It cannot be used here: {plain(trainer.trouble, 400)}" if trainer.trouble else ""
    where = f"Parameters: automl://trainers/{plain(trainer.name)}"
    return f"{words} Objective: {_objectives(trainer)}.{cannot} {where}"


def _objectives(trainer: DeclaredTrainer) -> str:
    named = (
        f"{plain(o.name, 40)}, {'maximized' if o.maximize else 'minimized'}"
        for o in trainer.objectives
    )
    return "; ".join(named)


def _final(trainer: DeclaredTrainer) -> str:
    final = trainer.final_objective
    if final is None:
        return "It cannot train on training and validation data together."
    return (
        "trigger_training_job trains on training and validation data together, judged by "
        f"{plain(final.name, 40)}."
    )


def _taken(trainer: DeclaredTrainer) -> Iterator[str]:
    """What each training takes, where that is declared."""
    taken = []
    if trainer.gpus is not None:
        taken.append(GPUS[trainer.gpus])
    if trainer.cpu_cores is not None:
        taken.append(f"{trainer.cpu_cores} CPU core{'s' if trainer.cpu_cores > 1 else ''}")
    if taken:
        yield f"Each training takes {' and '.join(taken)}."


def _row(parameter: Declared) -> str:
    searched = "no" if parameter.searched is None else in_words(parameter.searched)
    if parameter.name == EPOCHS:
        searched = "up to epochs_max"
    elif parameter.searched is not None and not parameter.in_default_space:
        searched = f"if named: {searched}"
    widest = _text(parameter) if parameter.widest is None else in_words(parameter.widest)
    only = f" Only when {condition_in_words(parameter.when)}." if parameter.when else ""
    sentence = plain(parameter.description, 300) + only
    default = plain(exact(parameter.default), 40)
    cells = [f"`{plain(parameter.name, 40)}`", searched, widest, default, sentence]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _text(parameter: Declared) -> str:
    return "set by the operator" if parameter.permitted is None else "what the operator allows"


def _everything(trainer: DeclaredTrainer) -> str:
    rows = [
        f"  {parameter.example()}"
        for parameter in trainer.parameters
        if parameter.searched is not None and parameter.name != EPOCHS
    ]
    return "{\n" + ",\n".join(rows) + "\n}"
