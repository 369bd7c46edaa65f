"""Handwritten digits with a small convolutional network: MNIST, or 8x8 digits where it is not to be had.

SCHEDULE_TEXT
"""

import argparse
import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from trainers import data
from trainers.checkpoints import (
    checkpoint_path,
    checkpoints,
    keep_latest,
    latest_checkpoint,
    replace_atomically,
)
from trainers.contract import Context, Measurement, Prepared

WARMUP_STEPS = 10
"""Steps over which the learning rate rises: a number of steps, so that the horizon plays no part."""

AVERAGING = 8
"""How recent the averaged weights are: they cover about the last 1/(1 + AVERAGING) of all steps."""

EVALUATION_BATCH = 500
"""Images per evaluation step; 500 images of 28x28 need about 50 MB in the first layer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one training is told; `trainers.specs.MNIST` documents each field."""

    lr: float = 1e-3
    batch_size: int = 64
    epochs: int = 5
    weight_decay: float = 0.01
    dropout: float = 0.2
    dataset: str = "auto"


def prepare(data_dir: Path, dataset: str = "auto") -> Prepared:
    """Fetches the data once for all trials of a study, and says which data it is.

    Raises:
        FileNotFoundError: `mnist` was asked for by name and cannot be had.
    """
    name = data.prepare(data_dir, dataset)
    description = data.describe(data_dir, name)
    if name == "digits" and dataset == "auto":
        description = description.replace(",", " (MNIST could not be downloaded),", 1)
    return Prepared(arguments={"dataset": name}, description=description)


class Network(nn.Module):
    """Three convolutions, 58k parameters, any image size from 8x8 up.

    Takes grey values as they come, uint8 (count, height, width), and gives logits (count, 10). Their
    mean and deviation are buffers, so the saved file needs no preprocessing beside it.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, dropout: float = 0.0, mean: float = 0.0, deviation: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
            nn.MaxPool2d(2),
            *(nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
            nn.MaxPool2d(2),
            *(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
            nn.AdaptiveMaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(256, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers((images.unsqueeze(1).float() - self.mean) / self.deviation)
        return logits


@dataclass(slots=True, kw_only=True)
class Learner:
    """All that changes while training, and therefore all that a checkpoint holds."""

    network: Network
    """What the optimizer moves."""
    averaged: Network
    """The running average of its weights, which is what is judged and kept."""
    optimizer: torch.optim.Optimizer
    steps: int = 0
    """Optimizer steps taken so far."""


def train(config: Config, context: Context) -> Iterator[Measurement]:
    """Trains and yields after each epoch; the metrics are `val_accuracy`, `val_loss`, `train_loss`.

    A training that has diverged goes on and says so by non-finite metrics.

    Raises:
        ValueError: the data set is unknown, or the checkpoint was trained on another one.
        FileNotFoundError: MNIST was asked for by name and cannot be had.
    """
    torch.set_num_threads(context.threads)
    context.workdir.mkdir(parents=True, exist_ok=True)
    name = data.prepare(context.data_dir, config.dataset)
    examples = on_device(data.load(context.data_dir, name, "train"), context.device)
    held_out = on_device(data.load(context.data_dir, name, "validation"), context.device)
    learner = new_learner(config, context, examples.images)

    resumed = resume(learner, context, name)
    if resumed is not None:
        save_model(learner.averaged, context.workdir, name)
        yield resumed

    for epoch in range(resumed.epoch + 1 if resumed else 1, config.epochs + 1):
        began = time.perf_counter()
        train_loss = run_epoch(learner, examples, config, seed=context.seed + 1_000_003 * epoch)
        val_loss, val_accuracy = evaluate(learner.averaged, held_out)
        metrics = {"val_accuracy": val_accuracy, "val_loss": val_loss, "train_loss": train_loss}
        # The model goes first: were it the checkpoint, a kill between the two would leave behind a
        # finished epoch whose model is that of the epoch before.
        save_model(learner.averaged, context.workdir, name)
        yield save_checkpoint(learner, context.workdir, name, epoch, metrics, began)
