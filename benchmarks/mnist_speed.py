"""How fast the mnist trainer is on a CPU, beside the loop that one writes without it.

    python -m benchmarks.mnist_speed

Both train one network with one batch size and one optimizer on the same images, in turns. Ours
saves a model and a checkpoint in each epoch, the plain loop nothing. A minute or two on two cores.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import enlarged
from benchmarks.mnist_turns import Subject, Taken, Turn, epoch_by_epoch, training_by_training
from benchmarks.table import Goal, Row, figure, show
from mcp_automl.executors.devices import usable_cores
from mcp_automl.settings import Settings
from trainers import data

GOAL = Goal(bound=1.5, unit="× the plain loop", least=True)
"""How many times as many images per CPU-second as the plain loop."""

ACCURACY, EPOCHS, SEEDS = 0.985, 40, 9
"""What is to be reached on digits' 359 validation images, within so many epochs, how often."""

TURNS = 15
"""Epochs timed of either."""

IMAGES = 1_200
"""Images of MNIST's size, of which five sixths are trained on."""


def rows() -> list[Row]:
    """With one thread, and with as many as a slot of this machine has, if those are more."""
    of_a_slot = max(1, usable_cores() // Settings().max_parallel_trials)
    with TemporaryDirectory() as folder:
        enlarged.write(Path(folder), IMAGES)
        digits = Subject(data_dir=Path(folder), dataset=data.prepare(Path(folder), "digits"))
        large = replace(digits, dataset=data.prepare(Path(folder), "mnist"))
        measured = [
            per_epoch(replace(subject, threads=threads), images)
            for threads in sorted({1, of_a_slot})
            for subject, images in (
                (digits, "digits of 8x8"),
                (large, "digits enlarged to MNIST's 28x28"),
            )
        ]
        return [*measured, until_accurate(digits)]


def per_epoch(subject: Subject, images: str) -> Row:
    turns = epoch_by_epoch(subject, TURNS)
    ours, plain = [turn.ours for turn in turns], [turn.plain for turn in turns]
    threads = "1 thread" if subject.threads == 1 else f"{subject.threads} threads"
    faster = ratio(turns)
    return Row(
        question=f"MNIST: images per CPU-second, {images}, {threads}",
        ours=f"{figure(faster)} × the plain loop ({seconds(ours):.3f} CPU-s an epoch)",
        beside=f"plain PyTorch loop {seconds(plain):.3f} CPU-s an epoch",
        ratio=1 / faster,
        goal=str(GOAL),
        met=GOAL.is_met(faster),
        reason=GOAL.distance(faster),
    )


def until_accurate(subject: Subject) -> Row:
    turns = training_by_training(subject, SEEDS, ACCURACY, EPOCHS)
    ours, plain = [turn.ours for turn in turns], [turn.plain for turn in turns]
    return Row(
        question=f"MNIST: CPU-seconds to {ACCURACY:.1%} validation accuracy on digits, 1 thread",
        ours=f"{seconds(ours):.2f} s ({epochs(ours)}, {SEEDS} seeds)",
        beside=f"plain PyTorch loop {seconds(plain):.2f} s, {epochs(plain)}",
        ratio=1 / ratio(turns),
    )


def ratio(turns: Sequence[Turn]) -> float:
    return statistics.median(turn.ratio for turn in turns)


def seconds(taken: Sequence[Taken]) -> float:
    return statistics.median(one.seconds for one in taken)


def epochs(taken: Sequence[Taken]) -> str:
    """The median in words, and how many trainings came to the last epoch allowed."""
    spent = [one.epochs for one in taken]
    last = f", {spent.count(EPOCHS)} without success" if EPOCHS in spent else ""
    return f"{statistics.median(spent):g} epochs{last}"


if __name__ == "__main__":
    show(rows(), "mnist on a CPU")
