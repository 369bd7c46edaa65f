"""Finished studies whose parameters matter as they are told to."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from mcp_automl.domain.finished import Finished
from mcp_automl.domain.sample import Sample
from mcp_automl.domain.space import Categorical, Float, Int, SearchSpace
from mcp_automl.domain.study import Objective, Study, StudyState, Trial, TrialState
from tests.fakes_server import a_config, a_study

SPACE = SearchSpace(
    {
        "lr": Float(low=1e-5, high=1e-1, log=True),
        "batch_size": Categorical(choices=(32, 64, 128, 256)),
        "epochs": Int(low=1, high=8),
        "optimizer": Categorical(choices=("adamw", "sgd")),
        "momentum": Float(low=0.0, high=0.99),
    },
    {"momentum": {"optimizer": ("sgd",)}},
)


def a_point(rng: random.Random) -> dict[str, float | int | str]:
    lr = 10 ** rng.uniform(-5, -1)
    point: dict[str, float | int | str] = {
        "lr": lr,
        "batch_size": rng.choice((32, 64, 128, 256)),
        "epochs": rng.randint(1, 8),
        "optimizer": rng.choice(("adamw", "sgd")),
    }
    return {**point, "momentum": rng.uniform(0, 0.99)} if point["optimizer"] == "sgd" else point


def some_trials(n: int, *, effect: float = 0.05, peak: float = -3, seed: int = 1) -> list[Trial]:
    """Trials of which those are good whose `lr` is near a power of ten; one in four is pruned."""
    rng = random.Random(seed)
    trials = []
    for number in range(n):
        point = a_point(rng)
        off = (math.log10(float(point["lr"])) - peak) ** 2
        good = 0.98 - effect * off + rng.gauss(0, 0.003)
        pruned = number % 4 == 3
        trials.append(
            Trial(
                number=number,
                state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
                params=point,
                value=good - 0.1 * pruned,
                epoch=3,
                cost_usd=0.001 * int(point["epochs"]),
            )
        )
    return trials


def wide_trials(n: int, parameters: int) -> tuple[SearchSpace, list[Trial]]:
    """As above over so many parameters, long names and forty long choices each; one matters."""
    rng = random.Random(2)
    choices = tuple(f"choice-{i:02}-{'c' * 40}" for i in range(40))
    names = [f"parameter_{i:02}_{'p' * 40}" for i in range(parameters)]
    space = SearchSpace(dict.fromkeys(names, Categorical(choices=choices)))
    points = [{name: rng.choice(choices) for name in names} for _ in range(n)]
    first = names[0]
    trials = [
        replace(t, params=point, value=0.9 + 0.05 * (point[first] in choices[:16]) + i / 1e6)
        for i, (t, point) in enumerate(zip(some_trials(n), points, strict=True))
    ]
    return space, trials


def the_study(
    space: SearchSpace = SPACE,
    *,
    state: StudyState = StudyState.COMPLETE,
    maximize: bool = True,
    id: int = 1,
) -> Study:
    config = replace(
        a_config("digits", space=space),
        objectives=(Objective(name="val_accuracy", maximize=maximize),),
    )
    return a_study(state, config=config, id=id)


def sampled(trials: Sequence[Trial], study: Study | None = None) -> Sample:
    return Sample.of(finished(trials, study), trials)


def finished(trials: Sequence[Trial], study: Study | None = None) -> Finished:
    return Finished.of(study or the_study(), trials)
