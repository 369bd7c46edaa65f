"""The mnist trainer and the plain loop, timed turn by turn: one of ours, then one of theirs.

What a neighbour on the machine does to one of a pair it mostly does to the other, so ratios are
taken within pairs. On a CPU, seconds are those of all threads' CPU time; on a GPU, of the clock.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks import mnist_plain
from trainers import data, mnist
from trainers.contract import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What both train on, with the trainer's default configuration."""

    data_dir: Path
    dataset: str
    device: str = "cpu"
    threads: int = 1

    @property
    def clock(self) -> Callable[[], float]:
        return time.process_time if self.device == "cpu" else time.perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one turn of either took."""

    seconds: float
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One of ours and one of theirs."""

    ours: Taken
    plain: Taken

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.plain.seconds / self.ours.seconds


def ours(subject: Subject, epochs: int, seed: int) -> Iterator[float]:
    """The trainer's validation accuracy after each epoch."""
    with TemporaryDirectory() as workdir:
        context = Context(
            workdir=Path(workdir),
            data_dir=subject.data_dir,
            device=subject.device,
            threads=subject.threads,
            seed=seed,
        )
        for measured in mnist.train(mnist.Config(dataset=subject.dataset, epochs=epochs), context):
            yield measured.metrics["val_accuracy"]


def plain(subject: Subject, epochs: int, seed: int) -> Iterator[float]:
    """The plain loop's validation accuracy after each epoch."""
    torch.set_num_threads(subject.threads)
    examples, held_out = data.parts(subject.data_dir, subject.dataset, final=False)
    config = mnist.Config(dataset=subject.dataset, epochs=epochs)
    yield from mnist_plain.train(config, examples, held_out, subject.device, seed)


def epoch_by_epoch(subject: Subject, turns: int) -> list[Turn]:
    """Times so many epochs of either, after a first one that is not timed."""
    our, their = (loop(subject, turns + 1, seed=0) for loop in (ours, plain))
    next(our)
    next(their)

    def epoch(training: Iterator[float]) -> Taken:
        began = subject.clock()
        next(training)
        return Taken(seconds=subject.clock() - began, epochs=1)

    return [Turn(ours=epoch(our), plain=epoch(their)) for _ in range(turns)]


def training_by_training(subject: Subject, turns: int, accuracy: float, epochs: int) -> list[Turn]:
    """Times whole trainings, a seed a turn, until they are that accurate or the epochs are over."""

    def training(accuracies: Iterator[float]) -> Taken:
        began, passed = subject.clock(), 0
        for reached in accuracies:
            passed += 1
            if reached >= accuracy:
                break
        return Taken(seconds=subject.clock() - began, epochs=passed)

    return [
        Turn(
            ours=training(ours(subject, epochs, seed)),
            plain=training(plain(subject, epochs, seed)),
        )
        for seed in range(turns)
    ]
