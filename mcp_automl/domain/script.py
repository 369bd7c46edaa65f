"""A best trial as a program: what is trained with, and the lines of Python that train it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcp_automl.domain.space import Params, Value
from mcp_automl.domain.study import Study, Trial

_PROGRAM = """\
import runpy
import sys

MODULE = {module!r}

PARAMETERS = {{
{parameters}
}}


def main() -> None:
    # What is given on the command line comes later, and so overrides what stands here.
    flags = [f"--{{name.replace('_', '-')}}={{value}}" for name, value in PARAMETERS.items()]
    sys.argv[1:1] = flags
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a trainer needs to be run alone."""

    module: str
    """What `python -m` takes."""
    pins: Sequence[str]
    """Requirements such as `torch==2.9.1`, as they are installed."""


def arguments(study: Study, params: Params) -> dict[str, Value]:
    """All that a trial was trained with: without data set and seed it would be another training."""
    return {**params, **study.arguments, "seed": study.config.seed}


def script(study: Study, trial: Trial, needs: Needs, python: str) -> str:
    """A program that trains once more what that trial was trained with.

    Args:
        python: the interpreter in which the trainer is installed.
    """
    values = arguments(study, trial.params)
    parameters = "\n".join(f"    {name!r}: {value!r}," for name, value in values.items())
    head = [*_header(needs), *(f"# {_line(it)}" for it in _about(study, trial, needs, python))]
    program = _PROGRAM.format(module=needs.module, parameters=parameters)
    return "\n".join([*head, "", program])


def _header(needs: Needs) -> list[str]:
    """What tools such as `uv run` read, by PEP 723."""
    pins = [f'#     "{pin}",' for pin in needs.pins]
    return ["# /// script", "# dependencies = [", *pins, "# ]", "# ///", ""]


def _about(study: Study, trial: Trial, needs: Needs, python: str) -> list[str]:
    config, reached = study.config, trial.params.get("epochs") == trial.epoch
    value = f"{config.objective.name} {trial.value}" + (f" on {study.data}" if study.data else "")
    stopped = "" if reached else f", stopped after epoch {trial.epoch}"
    return [
        f"Trial #{trial.number} of study {config.name}: {value}{stopped}.",
        "The trainer comes with mcp-automl; the versions above are those it is installed with.",
        f"Run: {python} THIS_FILE [--workdir FOLDER] [--data-dir FOLDER] [--device cpu]",
    ]


def _line(text: str) -> str:
    """One line: what a data set or a path is called must not become a program."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())
