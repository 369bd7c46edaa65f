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
            name="wait",
            kind="categorical",
            default=1.0,
            choices=(1.0,),
            description="Seconds.",
        ),
    ),
    preload=("torch", "benchmarks.waiting"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    x: float
    wait: float


def train(config: Config, context: Context) -> Iterator[Measurement]:
    """Waits once and measures once."""
    began = time.time()
    time.sleep(config.wait)
    yield Measurement(epoch=1, metrics={"score": config.x}, seconds=config.wait)
    times = {"began": began, "ended": time.time()}
    (context.workdir / "times.json").write_text(json.dumps(times))


def times_of(workdir: Path) -> tuple[float, float]:
    """When a trial's first and last line ran, wall clock."""
    times = json.loads((workdir / "times.json").read_text())
    return times["began"], times["ended"]
