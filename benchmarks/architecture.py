"""Does a study find a better network than the default one? `python -m benchmarks.architecture`

One study of the product's own, over eleven parameters of `mnist` (momentum only where the optimizer
is sgd), on scikit-learn's digits. 359 validation images tell trials apart by no less than half a
percent, and all trials have one seed; so the study's best trials are trained again with other
seeds, and the one whose mean validation accuracy is best is the winner. It and the default
configuration are then trained with seeds that no decision saw, for equally many epochs, and judged
on the test images, which no decision saw either. The goal: a difference above two standard errors.

Beside them stand the study's own best trial, taken at its word, and the default network with the
winner's training parameters, which tells how much of the gain is the network's. A dozen minutes on
two CPU cores.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mcp_automl import SearchSpace, StudyConfig, tune
from mcp_automl.composition import build_service
from mcp_automl.settings import Settings
from trainers import data, mnist
from trainers.contract import Context

NETWORK = ("depth", "width", "kernel", "activation", "dropout")
"""What the network is made of; the other parameters are how it is trained."""

CONFIRMED = 8
"""How many of the best trials are trained again."""

JUDGING_SEEDS = 1_000_000_000
CONFIRMING_SEEDS = 2_000_000_000
"""Seeds count from there; a study's own is a hash of its name, and serves all its trials."""


def space(epochs: int) -> SearchSpace:
    return SearchSpace(
        lr=[1e-3, 0.1],
        batch_size=[32, 64, 128],
        weight_decay={"low": 1e-4, "high": 0.3, "log": True},
        depth=[2, 4],
        width=[12, 64],
        kernel="default",
        activation="default",
        dropout=[0.0, 0.5],
        optimizer="default",
        momentum="default",
        augmentation="default",
        epochs=epochs,
        dataset="digits",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Accuracies of one configuration, a seed each."""

    validation: tuple[float, ...]
    test: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.mean(self.test)

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return statistics.stdev(self.test) / len(self.test) ** 0.5


def judge(config: mnist.Config, data_dir: Path, seeds: Sequence[int]) -> Judged:
    test = data.load(data_dir, "digits", "test")
    validated, tested = [], []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            context = Context(workdir=Path(folder), data_dir=data_dir, seed=seed)
            *_, last = mnist.train(config, context)
            validated.append(last.metrics["val_accuracy"])
            tested.append(mnist.evaluate(mnist.load_model(Path(folder)), test)[1])
    return Judged(validation=tuple(validated), test=tuple(tested))


def search(settings: Settings, name: str, trials: int, epochs: int) -> list[mnist.Config]:
    """Runs the study; its best trials' configurations, best first."""
    began = time.monotonic()
    study = StudyConfig(study_name=name, search_space=space(epochs), n_trials=trials)
    tuned = tune(study, settings=settings)
    assert tuned.state == "COMPLETE", tuned
    print(f"{tuned.trials} trials in {time.monotonic() - began:.0f} s; {tuned.data}", flush=True)
    best = build_service(settings).compare(name, CONFIRMED).trials
    return [mnist.Config(**dict(trial.params)) for trial in best]  # type: ignore[arg-type]


def confirmed(configs: Sequence[mnist.Config], data_dir: Path) -> mnist.Config:
    """The best by mean validation accuracy over seeds that the study did not have."""
    seeds = range(CONFIRMING_SEEDS, CONFIRMING_SEEDS + 3)
    means = [statistics.mean(judge(config, data_dir, seeds).validation) for config in configs]
    print(f"validated again: {' '.join(f'{mean:.4f}' for mean in means)}", flush=True)
    return configs[means.index(max(means))]


def report(name: str, judged: Judged, than: Judged) -> None:
    gain = judged.mean - than.mean
    error = (judged.error**2 + than.error**2) ** 0.5
    errors = f", {gain:+.4f} = {gain / error:+.1f} standard errors" if judged is not than else ""
    shown = " ".join(f"{accuracy:.4f}" for accuracy in judged.test)
    print(f"{name:<34} {judged.mean:.4f} +- {judged.error:.4f}{errors}   ({shown})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--name", default="architecture", help="the study's name decides its seed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(JUDGING_SEEDS, JUDGING_SEEDS + options.seeds)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), idle_seconds=1.0)
        best = search(settings, options.name, options.trials, options.epochs)
        winner = confirmed(best, settings.data_path)
        print(f"winner: {winner}", flush=True)
        default = mnist.Config(epochs=options.epochs, dataset="digits")
        usual = {name: getattr(default, name) for name in NETWORK}
        judged = judge(default, settings.data_path, seeds)
        report("default", judged, judged)
        report("winner", judge(winner, settings.data_path, seeds), judged)
        report("best trial at its word", judge(best[0], settings.data_path, seeds), judged)
        mixed = judge(replace(winner, **usual), settings.data_path, seeds)
        report("default network, winner's training", mixed, judged)


if __name__ == "__main__":
    main()
