"""Does a study find a better network than the default one? `python -m benchmarks.architecture`

One study of the product's own, over eleven parameters of `mnist` (momentum only where the optimizer
is sgd), on scikit-learn's digits. Its winner by validation accuracy and the default configuration
are then trained anew with seeds that no trial had, for equally many epochs, and judged on the test
images, which no decision saw. The goal: a difference above two standard errors.

Beside them stands the default network with the winner's training parameters, which tells how much
of the gain is the network's. A dozen minutes on two CPU cores.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mcp_automl import SearchSpace, StudyConfig, Tuned, tune
from mcp_automl.settings import Settings
from trainers import data, mnist
from trainers.contract import Context

NETWORK = ("depth", "width", "kernel", "activation", "dropout")
"""What the network is made of; the other parameters are how it is trained."""

FRESH_SEEDS = 1_000_000_000
"""Seeds count from here; a study's own are hashes of its name, and one alone serves all trials."""


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
    """Test accuracies of one configuration, a seed each."""

    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.mean(self.accuracies)

    @property
    def error(self) -> float:
        """The mean's standard error."""
        return statistics.stdev(self.accuracies) / len(self.accuracies) ** 0.5


def judge(config: mnist.Config, data_dir: Path, seeds: Sequence[int]) -> Judged:
    test = data.load(data_dir, "digits", "test")
    accuracies = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            context = Context(workdir=Path(folder), data_dir=data_dir, seed=seed)
            for _ in mnist.train(config, context):
                pass
            accuracies.append(mnist.evaluate(mnist.load_model(Path(folder)), test)[1])
    return Judged(accuracies=tuple(accuracies))


def search(home: Path, name: str, trials: int, epochs: int) -> Tuned:
    settings = Settings(home=home, idle_seconds=1.0)
    study = StudyConfig(study_name=name, search_space=space(epochs), n_trials=trials)
    tuned = tune(study, settings=settings)
    assert tuned.state == "COMPLETE", tuned
    return tuned


def report(name: str, judged: Judged, than: Judged) -> None:
    gain = judged.mean - than.mean
    error = (judged.error**2 + than.error**2) ** 0.5
    errors = f", {gain:+.4f} = {gain / error:+.1f} standard errors" if judged is not than else ""
    shown = " ".join(f"{accuracy:.4f}" for accuracy in judged.accuracies)
    print(f"{name:<34} {judged.mean:.4f} +- {judged.error:.4f}{errors}   ({shown})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--name", default="architecture", help="the study's name decides its seed")
    options = parser.parse_args()
    seeds = range(FRESH_SEEDS, FRESH_SEEDS + options.seeds)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        tuned = search(home, options.name, options.trials, options.epochs)
        print(f"{tuned.trials} trials in {time.monotonic() - began:.0f} s; {tuned.data}")
        print(f"winner: val_accuracy {tuned.best_value} with {dict(tuned.best_params)}", flush=True)
        torch.set_num_threads(1)
        winner = mnist.Config(**tuned.best_params)  # type: ignore[arg-type]
        default = mnist.Config(epochs=options.epochs, dataset="digits")
        usual = {name: getattr(default, name) for name in NETWORK}
        judged = judge(default, home / "data", seeds)
        report("default", judged, judged)
        report("winner", judge(winner, home / "data", seeds), judged)
        mixed = judge(replace(winner, **usual), home / "data", seeds)
        report("default network, winner's training", mixed, judged)


if __name__ == "__main__":
    main()
