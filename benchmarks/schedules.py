"""Which learning-rate schedule lets a pruner compare trials of different length?

    python -m benchmarks.schedules

Records complete trainings on scikit-learn's digits under every schedule, with the same random
configurations for each. Then it replays studies of 20 trials over many random orders of what was
recorded, once to the end and once with the median pruner as Optuna defines it, and prints the table
by which `trainers.mnist` chose. Trainings are cached in `--runs`, so that an interrupted benchmark
goes on and the replay can be repeated in seconds.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from trainers import data, mnist
from trainers.contract import Context

REPLAYS = 2000
TRIALS = 20
STARTUP_TRIALS = 5

Schedule: TypeAlias = Callable[[int, int], float]
"""Step and total number of steps to a share of the peak learning rate; steps begin at 1."""


def constant(step: int, total: int) -> float:
    return min(1.0, step / mnist.WARMUP_STEPS)


def cosine(step: int, total: int) -> float:
    return constant(step, total) * 0.5 * (1 + math.cos(math.pi * (step - 1) / total))


def one_cycle(step: int, total: int) -> float:
    # torch's OneCycleLR: 30 % of the steps up from 1/25, the rest down to almost nothing.
    rise = 0.3 * total
    if step <= rise:
        return 1 / 25 + (1 - 1 / 25) * 0.5 * (1 - math.cos(math.pi * step / rise))
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / (total - rise)))


SCHEDULES: dict[str, Schedule] = {"constant": constant, "cosine": cosine, "one-cycle": one_cycle}
AVERAGED = "constant, averaged"
TWINS = tuple((lr, size) for lr in (3e-4, 1e-3, 3e-3) for size in (32, 128))
PARTS: tuple[data.Part, ...] = ("train", "validation", "test")
NAMES = ("constant", AVERAGED, "cosine", "one-cycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One complete training."""

    lr: float
    batch_size: int
    epochs: int
    schedule: str
    curve: tuple[float, ...]
    """Validation accuracy after each epoch."""
    test: float
    """Test accuracy at the end, which no decision sees."""


def configurations(count: int, epochs_max: int) -> list[mnist.Config]:
    random = np.random.RandomState(epochs_max)
    return [
        mnist.Config(
            lr=float(10 ** random.uniform(-5, -2)),
            batch_size=int(random.choice([32, 64, 128, 256])),
            epochs=int(random.randint(1, epochs_max + 1)),
            dataset="digits",
        )
        for _ in range(count)
    ]


def twins(*epochs: int) -> list[mnist.Config]:
    """The same good configurations with different numbers of epochs."""
    return [
        mnist.Config(lr=lr, batch_size=size, epochs=count, dataset="digits")
        for lr, size in TWINS
        for count in epochs
    ]


def record(config: mnist.Config, schedule: str, parts: Sequence[data.Examples]) -> list[Run]:
    """Trains once; a constant schedule yields two runs, since averaging does not alter training."""
    examples, held_out, test = parts
    context = Context(workdir=Path(), data_dir=Path())
    learner = mnist.new_learner(config, context, examples.images)
    network, averaged = learner.network, learner.averaged
    judged = {schedule: network} | ({AVERAGED: averaged} if schedule == "constant" else {})
    curves: dict[str, list[float]] = {name: [] for name in judged}
    total = config.epochs * math.ceil(len(examples.labels) / config.batch_size)
    for epoch in range(1, config.epochs + 1):
        train_epoch(learner, examples, config, SCHEDULES[schedule], total, epoch)
        network.eval()
        for name, model in judged.items():
            curves[name].append(mnist.evaluate(model, held_out)[1])
    return [
        Run(
            lr=config.lr,
            batch_size=config.batch_size,
            epochs=config.epochs,
            schedule=name,
            curve=tuple(curves[name]),
            test=mnist.evaluate(model, test)[1],
        )
        for name, model in judged.items()
    ]


def train_epoch(
    learner: mnist.Learner,
    examples: data.Examples,
    config: mnist.Config,
    schedule: Schedule,
    total: int,
    epoch: int,
) -> None:
    torch.manual_seed(epoch)
    learner.network.train()
    for chosen in torch.randperm(len(examples.labels)).split(config.batch_size):
        learner.steps += 1
        for group in learner.optimizer.param_groups:
            group["lr"] = config.lr * schedule(learner.steps, total)
        logits = learner.network(examples.images[chosen])
        loss = F.cross_entropy(logits, examples.labels[chosen])
        learner.optimizer.zero_grad()
        loss.backward()
        learner.optimizer.step()
        weight = (mnist.AVERAGING + 1) / (mnist.AVERAGING + learner.steps)
        torch._foreach_lerp_(mnist.floats(learner.averaged), mnist.floats(learner.network), weight)


def record_all(configs: Sequence[mnist.Config], path: Path) -> list[Run]:
    """Records every configuration under every schedule, but for those already in the file."""
    data.prepare(path.parent, "digits")
    parts = [data.load(path.parent, "digits", part) for part in PARTS]
    recorded = [Run(**json.loads(line)) for line in path.open()] if path.exists() else []
    done = {(run.lr, run.batch_size, run.epochs, run.schedule) for run in recorded}
    for config in configs:
        for schedule in SCHEDULES:
            if (config.lr, config.batch_size, config.epochs, schedule) not in done:
                new = record(config, schedule, parts)
                recorded += new
                with path.open("a") as file:
                    file.writelines(json.dumps(asdict(run)) + "\n" for run in new)
    return recorded


def is_pruned(run: Run, step: int, complete: Sequence[Run], warmup: int) -> bool:
    """Optuna's MedianPruner after `step` epochs; trials that were pruned do not count for it."""
    if len(complete) < STARTUP_TRIALS or step < warmup or step == run.epochs:
        return False
    others = [other.curve[step - 1] for other in complete if other.epochs >= step]
    return bool(others) and max(run.curve[:step]) < float(np.median(others))


def replay(order: Sequence[Run], warmup: int) -> tuple[Run, int]:
    """Returns the best complete run of a pruned study, and the epochs the whole study trained."""
    complete: list[Run] = []
    trained = 0
    for run in order:
        steps = range(1, run.epochs + 1)
        stop = next((step for step in steps if is_pruned(run, step, complete, warmup)), None)
        trained += stop or run.epochs
        if stop is None:
            complete.append(run)
    return max(complete, key=lambda run: run.curve[-1]), trained


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def ranks(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values)
    return (array[:, None] > array).sum(1) + (array[:, None] == array).sum(1) / 2


def row(runs: Sequence[Run], pairs: Sequence[Run], warmup: int) -> dict[str, float]:
    random = np.random.RandomState(0)
    studies = [[runs[i] for i in random.permutation(len(runs))[:TRIALS]] for _ in range(REPLAYS)]
    unpruned = [max(study, key=lambda run: run.curve[-1]) for study in studies]
    pruned, trained = zip(*(replay(study, warmup) for study in studies), strict=True)
    hasty, _ = zip(*(replay(study, 1) for study in studies), strict=True)
    loss, hasty_loss = (
        np.asarray(
            [full.curve[-1] - left.curve[-1] for full, left in zip(unpruned, found, strict=True)]
        )
        for found in (pruned, hasty)
    )
    longer = [run for run in runs if run.epochs > warmup]
    at_warmup, final = ([run.curve[k] for run in longer] for k in (warmup - 1, -1))
    return {
        "best, no pruner": mean(run.curve[-1] for run in unpruned),
        "best, pruned": mean(run.curve[-1] for run in pruned),
        "its test accuracy": mean(run.test for run in pruned),
        "regret": mean(loss),
        "winner lost": mean(loss > 0),
        "winner lost, judged from epoch 1": mean(hasty_loss > 0),
        "epochs saved": 1 - sum(trained) / sum(run.epochs for study in studies for run in study),
        "rank correlation": spearman(at_warmup, final),
        "short trial's lead": lead(pairs, warmup),
    }


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def lead(pairs: Sequence[Run], warmup: int) -> float:
    """By how much a trial of `warmup` epochs is ahead, at that epoch, of its longest twin."""
    longest = max(run.epochs for run in pairs)
    at = {(run.lr, run.batch_size, run.epochs): run.curve[warmup - 1] for run in pairs}
    return mean(at[lr, size, warmup] - at[lr, size, longest] for lr, size in TWINS)


def under(schedule: str, runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.schedule == schedule]


def table(recorded: Sequence[Run], pairs: Sequence[Run], epochs_max: int) -> str:
    warmup = max(2, 1 + math.ceil(epochs_max / 10))
    rows = {name: row(under(name, recorded), under(name, pairs), warmup) for name in NAMES}
    columns = list(rows[NAMES[0]])
    lines = [f"| schedule | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, values in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{values[column]:.4f}' for column in columns)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=100, help="configurations per space")
    cache = Path("~/.cache/trainers/schedules").expanduser()
    parser.add_argument("--runs", type=Path, default=cache)
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    sections = []
    for epochs_max in (5, 10):
        path = options.runs / f"schedules-{epochs_max}.jsonl"
        recorded = record_all(configurations(options.count, epochs_max), path)
        pairs = record_all(twins(2, epochs_max), options.runs / f"twins-{epochs_max}.jsonl")
        sections.append(f"Epochs 1 to {epochs_max}:\n\n{table(recorded, pairs, epochs_max)}")
    machine = (
        f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}, "
        f"one thread, {time.process_time() - began:.0f} CPU-seconds in this call."
    )
    text = "\n\n".join([*sections, machine])
    print(text)


if __name__ == "__main__":
    main()
