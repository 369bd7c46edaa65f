"""A trainer run alone: its command line, and its measurements as they come, on stderr."""

import argparse
import logging
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from trainers.checkpoints import latest_checkpoint
from trainers.contract import Context, Measurement, Prepared

logger = logging.getLogger(__name__)


def asked(name: str, config: type[Any]) -> dict[str, Any]:
    """The command line of `python -m trainers.NAME`: the config's fields, and where to train.

    Whoever calls it is the program: logging is set up, and a working folder made if none is given.
    """
    parser = argparse.ArgumentParser(prog=f"python -m trainers.{name}", allow_abbrev=False)
    for field in fields(config):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(field.default), default=field.default)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workdir", type=Path, help="default: a new temporary folder")
    parser.add_argument("--data-dir", type=Path, default=Path("~/.cache/trainers").expanduser())
    parser.add_argument(
        "--final", action="store_true", help="train on the validation data, too; test each epoch"
    )
    parser.add_argument("--resume", action="store_true", help="go on from workdir's checkpoint")
    given = vars(parser.parse_args())

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given["workdir"] = given["workdir"] or Path(tempfile.mkdtemp(prefix=f"{name}-"))
    return given


def begun(given: Mapping[str, Any], prepared: Prepared, config: type[Any]) -> tuple[Any, Context]:
    """The config and the context of a training on what was prepared."""
    logger.info("%s; model and checkpoints in %s", prepared.description, given["workdir"])
    if given["final"]:
        logger.info("trained on training and validation data together, judged on test data")
    told = {**given, **prepared.arguments}
    latest = latest_checkpoint(given["workdir"]) if told.pop("resume") else None
    made = config(**{field.name: told.pop(field.name) for field in fields(config)})
    return made, Context(**told, resume_from=latest)


def follow(measurements: Iterable[Measurement]) -> None:
    """Trains to the end and tells each epoch."""
    for measured in measurements:
        values = "  ".join(f"{key} {value:.4f}" for key, value in measured.metrics.items())
        logger.info("epoch %d  %s  %.2f s", measured.epoch, values, measured.seconds)
