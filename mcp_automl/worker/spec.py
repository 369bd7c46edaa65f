"""Prints what a trainer of somebody's own declares: `python -P -m mcp_automl.worker.spec MODULE`.

It is a process of its own because server and orchestrator never import such code. One line of JSON
goes to stdout, the spec or what is wrong; whatever the code itself prints goes to stderr.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mcp_automl.worker.code import imported
from mcp_automl.worker.training import last_line
from trainers.contract import Objective, Parameter, TrainerSpec

EXAMPLE = "SPEC = TrainerSpec(name=..., description=..., objectives=..., parameters=...)"


def encode(spec: TrainerSpec) -> str:
    """The spec in one line."""
    return json.dumps({"spec": asdict(spec)})


def decode(line: str) -> TrainerSpec:
    """What `encode` was given.

    Raises:
        RuntimeError: something is wrong with the trainer; the message is one line.
        ValueError, TypeError, KeyError: this is no such line.
    """
    told = json.loads(line)
    if "error" in told:
        raise RuntimeError(str(told["error"]))
    spec: dict[str, Any] = told["spec"]
    lists = {name: tuple(spec[name]) for name in ("requires", "preload")}
    objectives = tuple(Objective(**objective) for objective in spec["objectives"])
    parameters = tuple(_parameter(parameter) for parameter in spec["parameters"])
    # An answer that was kept may be older than this field.
    final = spec.get("final_objective")
    made = {
        "objectives": objectives,
        "parameters": parameters,
        "final_objective": None if final is None else Objective(**final),
    }
    return TrainerSpec(**{**spec, **lists, **made})


def _parameter(told: Mapping[str, Any]) -> Parameter:
    lists = {name: tuple(told[name]) for name in ("choices", "search_choices")}
    when = {other: tuple(values) for other, values in told["when"].items()}
    return Parameter(**{**told, **lists, "when": when})


def declared(module: str) -> TrainerSpec:
    """What the module, or the file, declares.

    Raises:
        TypeError: it is no trainer.
    """
    found = imported(module)
    spec = getattr(found, "SPEC", None)
    if not isinstance(spec, TrainerSpec):
        raise TypeError(f"it has no SPEC; write {EXAMPLE} with the names of trainers.contract")
    if not callable(getattr(found, "train", None)):
        raise TypeError("it has no train(config, context)")
    if not spec.objectives or not spec.parameters:
        raise TypeError("its SPEC needs an objective and a parameter")
    return spec


def main(module: str) -> None:
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        line = encode(declared(module))
    # The boundary to code of others: whatever it raises, SystemExit included, is the answer.
    except BaseException as error:  # noqa: ASYNC103 (nothing here is async)
        line = json.dumps({"error": last_line(error)})
    os.write(answer, line.encode() + b"\n")
    # No teardown, and no thread that it may have left behind.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
