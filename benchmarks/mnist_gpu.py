"""How fast the mnist trainer is on a GPU: beside a plain loop, and with three trials at a time.

    python -m benchmarks.mnist_gpu

Without a GPU its rows say so. 60,000 images of MNIST's size are what counts, not what they show:
they are scikit-learn's digits, enlarged. Some five minutes.
"""

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.mnist_study import Studied
from benchmarks.table import Goal, Row, figure, show

# multiprocessing imports a program's main module again in every worker: so torch is imported late.

EPOCH = "MNIST on a GPU: images per second, 60,000 images of 28x28"
STUDY = "MNIST on one GPU: a study of 20 trials, three at a time beside one at a time"

EPOCH_GOAL = Goal(bound=5.0, unit="× the plain loop", least=True)
STUDY_GOAL = Goal(bound=2.5, unit="×", least=True)
BUSY = 0.9
"""As good as that speed: then there is nothing left of the GPU to be shared."""

STUDY_WORDS = f"{STUDY_GOAL}, or the GPU ≥ {BUSY:.0%} busy"

IMAGES = 72_000
"""Of which five sixths are trained on."""

TURNS = 3
"""Epochs timed of either."""


def rows() -> list[Row]:
    """An epoch's speed and a study's, on the first GPU."""
    import torch

    if not torch.cuda.is_available():
        goals = {EPOCH: str(EPOCH_GOAL), STUDY: STUDY_WORDS}
        return [Row(question=it, goal=goal, reason="no GPU") for it, goal in goals.items()]

    from benchmarks import enlarged
    from trainers import data

    with TemporaryDirectory() as folder:
        enlarged.write(Path(folder), IMAGES)
        dataset = data.prepare(Path(folder), "mnist")
        return [an_epoch(Path(folder), dataset), a_study(Path(folder), dataset)]


def an_epoch(data_dir: Path, dataset: str, device: str = "cuda") -> Row:
    from benchmarks.mnist_turns import Subject, epoch_by_epoch

    turns = epoch_by_epoch(Subject(data_dir=data_dir, dataset=dataset, device=device), TURNS)
    ours, plain = (
        statistics.median(taken.seconds for taken in side)
        for side in ([turn.ours for turn in turns], [turn.plain for turn in turns])
    )
    faster = statistics.median(turn.ratio for turn in turns)
    return Row(
        question=EPOCH,
        ours=f"{figure(faster)} × the plain loop ({ours:.2f} s an epoch)",
        beside=f"plain PyTorch loop {plain:.2f} s an epoch",
        ratio=1 / faster,
        goal=str(EPOCH_GOAL),
        met=EPOCH_GOAL.is_met(faster),
        reason=EPOCH_GOAL.distance(faster),
    )


def a_study(data_dir: Path, dataset: str) -> Row:
    from benchmarks.mnist_study import run_study

    return study_row(one=run_study(data_dir, dataset, 1), three=run_study(data_dir, dataset, 3))


def study_row(one: Studied, three: Studied) -> Row:
    """The goal is met by the speed, or by a GPU that has nothing left to share."""
    speed, busy = three.epochs_per_second / one.epochs_per_second, three.busy or 0.0
    met = STUDY_GOAL.is_met(speed) or busy >= BUSY
    return Row(
        question=STUDY,
        ours=f"{figure(speed)} × as fast, GPU {busy:.0%} busy "
        f"({three.epochs_per_second:.2f} epochs a second)",
        beside=f"one at a time {one.epochs_per_second:.2f} epochs a second",
        ratio=1 / speed,
        goal=STUDY_WORDS,
        met=met,
        reason="" if met else STUDY_GOAL.distance(speed),
    )


if __name__ == "__main__":
    show(rows(), "mnist on a GPU")
