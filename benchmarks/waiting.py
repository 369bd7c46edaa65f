"""A trainer that only waits, and writes down when its first and its last line ran."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainers.contract import Context, Measurement, Objective, Parameter, TrainerSpec

SPEC = TrainerSpec(
    name="waiting",
    module="benchmarks.waiting",
    description="Waits.",
    objectives=(Objective(name="score", direction="maximize"),),
    parameters=(
        Parameter(name="x", kind="float", default=0.5, low=0, high=1, description="Any number."),
        Parameter(
            name="wait", kind="float", default=1.0, low=0, high=60, description="Seconds an epoch."
        ),
        Parameter(name="epochs", kind="int", default=1, low=1, high=1_000, description="Waits."),
    ),
    preload=("torch", "benchmarks.waiting"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    x: float
    wait: float
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What a trial has written down, in seconds."""

    began: float
    """Of its first line, wall clock."""
    ended: float
    """Of its last line, wall clock."""
    measurements: list[float]
    """From each `yield` until it goes on."""


def train(config: Config, context: Context) -> Iterator[Measurement]:
    """Waits and measures, epoch by epoch."""
    began, taken = time.time(), list[float]()
    try:
        for epoch in range(1, config.epochs + 1):
            time.sleep(config.wait)
            asked = time.perf_counter()
            yield Measurement(epoch=epoch, metrics={"score": config.x}, seconds=config.wait)
            taken.append(time.perf_counter() - asked)
    finally:
        # A trial that is pruned ends at a `yield`.
        times = {"began": began, "ended": time.time(), "measurements": taken}
        (context.workdir / "times.json").write_text(json.dumps(times))


def times_of(workdir: Path) -> Times:
    """What the trial in that folder has written down."""
    return Times(**json.loads((workdir / "times.json").read_text()))
