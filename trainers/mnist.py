"""Handwritten digits with a small convolutional network: MNIST, or 8x8 digits where there is none.

The learning rate is constant and what is judged is a running average of the weights, so no epoch
depends on how many follow. In replayed studies (docs/schedules.md) that found .988 and the pruner
lost 2 % of the winners; one-cycle: .986 and 8 %, cosine: .986 and 2 %, no averaging: .988 and 3 %.
"""

import copy
import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

# torch.optim imports this a second late, at the first optimizer; a forked trial would pay for it.
import torch._dynamo
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from trainers import alone, augmentation, checkpoints, data
from trainers.contract import Context, Measurement, Package, Prepared
from trainers.networks import OPTIMIZERS, Architecture, Network, make_optimizer

WARMUP_STEPS = 10
"""Steps over which the learning rate rises; the number of epochs plays no part in it."""

AVERAGING = 8
"""How recent the averaged weights are: mostly of the last 1/(1 + AVERAGING) of the steps so far."""

EVALUATION_BATCH = 500
"""Images per evaluation step; 500 images of 28x28 need about 40 MB in the first layer."""

STATEFUL = ("network", "averaged", "optimizer")
"""Those parts of a learner that save and restore their own state."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one training is told; `trainers.specs.MNIST` documents each field."""

    lr: float = 1e-3
    batch_size: int = 64
    epochs: int = 5
    weight_decay: float = 0.01
    dropout: float = 0.2
    depth: int = 3
    width: int = 24
    kernel: int = 3
    activation: str = "relu"
    optimizer: str = "adamw"
    momentum: float = 0.9
    augmentation: str = "none"
    dataset: str = "auto"

    def __post_init__(self) -> None:
        if not (self.lr > 0 and self.batch_size >= 1 and self.epochs >= 1):
            raise ValueError(f"lr, batch_size and epochs must be positive: {self}")
        if self.optimizer not in OPTIMIZERS or self.augmentation not in augmentation.KINDS:
            valid = f"{', '.join(OPTIMIZERS)}; {', '.join(augmentation.KINDS)}"
            raise ValueError(f"there is no such optimizer or augmentation ({valid}): {self}")
        _ = self.architecture  # which raises for what cannot be built

    @property
    def architecture(self) -> Architecture:
        return Architecture(
            depth=self.depth, width=self.width, kernel=self.kernel, activation=self.activation
        )


def prepare(data_dir: Path, dataset: str = "auto") -> Prepared:
    """Fetches the data once for all trials of a study, and says which data it is.

    Raises:
        FileNotFoundError: `mnist` was asked for by name and cannot be had.
    """
    name = data.prepare(data_dir, dataset)
    note = " (MNIST could not be downloaded)" if (dataset, name) == ("auto", "digits") else ""
    return Prepared(arguments={"dataset": name}, description=data.describe(data_dir, name, note))


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

    Of a final training they are `test_accuracy`, `test_loss`, `train_loss`. A training that has
    diverged goes on and says so by metrics that are not finite.

    Raises:
        ValueError: the data set is unknown, or the checkpoint is of a training on another one.
        FileNotFoundError: MNIST was asked for by name and cannot be had.
    """
    torch.set_num_threads(context.threads)
    context.workdir.mkdir(parents=True, exist_ok=True)
    name = data.prepare(context.data_dir, config.dataset)
    parts = data.parts(context.data_dir, name, final=context.final)
    examples, held_out = (part.to(context.device) for part in parts)
    learner = new_learner(config, context, examples.images)
    part = "test" if context.final else "val"
    subject = f"{name} with its validation images" if context.final else name

    resumed = resume(learner, context, subject)
    if resumed is not None:
        save_model(learner.averaged, context.workdir, name)
        yield resumed

    for epoch in range(resumed.epoch + 1 if resumed else 1, config.epochs + 1):
        began = time.perf_counter()
        train_loss = run_epoch(learner, examples, config, context.seed + 1_000_003 * epoch)
        loss, accuracy = evaluate(learner.averaged, held_out)
        metrics = {f"{part}_accuracy": accuracy, f"{part}_loss": loss, "train_loss": train_loss}
        # The model goes first: a kill between the two must not leave a finished epoch behind whose
        # model is that of the epoch before.
        save_model(learner.averaged, context.workdir, name)
        measured = Measurement(epoch=epoch, metrics=metrics, seconds=time.perf_counter() - began)
        save_checkpoint(learner, context.workdir, subject, measured)
        yield replace(measured, seconds=time.perf_counter() - began)


def new_learner(config: Config, context: Context, images: Tensor) -> Learner:
    """Returns an untrained learner whose weights depend on the seed alone."""
    torch.manual_seed(context.seed)
    grey = images[:5000].float()  # enough to tell; all of MNIST would take 0.4 s
    mean, deviation = grey.mean().item(), grey.std().item()
    network = Network(
        config.architecture, dropout=config.dropout, mean=mean, deviation=deviation
    ).to(context.device)
    if context.device != "mps":
        # What tensor cores want, and on a CPU 1.6 times as fast as channels first (28x28, AVX2).
        network = network.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(
        config.optimizer,
        network,
        lr=config.lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
    )
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    return Learner(network=network, averaged=averaged, optimizer=optimizer)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Returns bfloat16 where the hardware has it; unlike float16 it needs no loss scaling."""
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def run_epoch(learner: Learner, examples: data.Examples, config: Config, seed: int) -> float:
    """Passes once over the examples and returns their mean loss."""
    # Each epoch has a random state of its own: whoever resumes shuffles and drops out as if never
    # interrupted, and no checkpoint has to hold the state of every generator of every device.
    torch.manual_seed(seed)
    learner.network.train()
    images, labels = examples.images, examples.labels
    order = torch.randperm(len(labels), device=labels.device)
    total = torch.zeros((), device=labels.device)
    for batch in order.split(config.batch_size):
        moved = augmentation.augmented(images[batch], config.augmentation)
        with mixed_precision(labels.device):
            loss = F.cross_entropy(learner.network(moved), labels[batch])
        step(learner, loss, config.lr)
        # Reading the loss here would make a GPU wait for every step; it is read once per epoch.
        total += loss.detach() * len(batch)
    return total.item() / len(labels)


def step(learner: Learner, loss: Tensor, lr: float) -> None:
    """Moves the weights, then moves their average after them."""
    learner.steps += 1
    for group in learner.optimizer.param_groups:
        group["lr"] = lr * min(1.0, learner.steps / WARMUP_STEPS)
    loss.backward()
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    # A fraction of all steps so far, because no fixed number suits both step 3 and step 10,000.
    weight = (AVERAGING + 1) / (AVERAGING + learner.steps)
    torch._foreach_lerp_(floats(learner.averaged), floats(learner.network), weight)


def floats(network: nn.Module) -> list[Tensor]:
    # Batch normalization's means and variances too: they have to describe the averaged weights.
    tensors = (*network.parameters(), *network.buffers())
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]


@torch.no_grad()
def evaluate(network: Network, examples: data.Examples) -> tuple[float, float]:
    """Returns mean loss and the fraction classified correctly; both are NaN where the loss is."""
    network.eval()
    loss, correct = (torch.zeros((), device=examples.labels.device) for _ in range(2))
    batches = (t.split(EVALUATION_BATCH) for t in (examples.images, examples.labels))
    for images, labels in zip(*batches, strict=True):
        with mixed_precision(labels.device):
            logits = network(images).float()
        loss += F.cross_entropy(logits, labels, reduction="sum")
        correct += (logits.argmax(dim=1) == labels).sum()
    mean_loss = loss.item() / len(examples.labels)
    # The largest of ten NaNs is "0", right once in ten: an accuracy that would hide divergence.
    accuracy = correct.item() / len(examples.labels) if math.isfinite(mean_loss) else math.nan
    return mean_loss, accuracy


def save_model(network: Network, workdir: Path, name: str) -> None:
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    # One entry: several come in any order, and equal trainings shall leave equal files.
    training = json.dumps({"dataset": name, "architecture": asdict(network.architecture)})
    content = save(tensors, metadata={"training": training})
    path = workdir / "model.safetensors"
    checkpoints.replace_atomically(path, lambda temporary: temporary.write_bytes(content))


def load_model(workdir: Path) -> Network:
    """Returns the saved model, ready to be judged; it takes uint8 images as they come."""
    path = workdir / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        training = json.loads((file.metadata() or {}).get("training", "{}"))
    # Older models do not say: there was but one architecture.
    network = Network(Architecture(**training.get("architecture", {})))
    network.load_state_dict(load_file(path))
    return network.eval()


def package(workdir: Path, data_dir: Path) -> Package:
    """Returns the saved network and a few images."""
    with safe_open(workdir / "model.safetensors", framework="pt") as file:
        name = json.loads(file.metadata()["training"])["dataset"]
    images = data.load(data_dir, name, "validation").images[:4]
    model = load_model(workdir)
    with torch.no_grad():
        return Package(model=model, example=images.numpy(), output=model(images).numpy())


def save_checkpoint(learner: Learner, workdir: Path, subject: str, measured: Measurement) -> None:
    state = {part: getattr(learner, part).state_dict() for part in STATEFUL}
    state |= {"steps": learner.steps, "dataset": subject, "measurement": asdict(measured)}
    path = checkpoints.checkpoint_path(workdir, measured.epoch)
    checkpoints.replace_atomically(path, partial(torch.save, state))
    checkpoints.keep_latest(workdir, measured.epoch)


def resume(learner: Learner, context: Context, subject: str) -> Measurement | None:
    """Fills the learner from the newest checkpoint that can be read; None means from the start."""
    if context.resume_from is None:
        return None
    # weights_only: a checkpoint may come from elsewhere, and a full pickle can run any code.
    read = partial(torch.load, map_location="cpu", weights_only=True)
    state = checkpoints.newest_readable(context.resume_from, read)
    if state is None:
        return None
    if state["dataset"] != subject:
        raise ValueError(f"the checkpoint is of a training on {state['dataset']}, not on {subject}")
    for part in STATEFUL:
        getattr(learner, part).load_state_dict(state[part])
    learner.steps = state["steps"]
    return Measurement(**state["measurement"])


def main() -> None:
    given = alone.asked("mnist", Config)
    prepared = prepare(given["data_dir"], given["dataset"])
    config, context = alone.begun(given, prepared, Config)
    alone.follow(train(config, context))
    # Unless it is a final one, the test images are looked at here alone: no choice is left to make.
    test = data.load(context.data_dir, config.dataset, "test")
    _, accuracy = evaluate(load_model(context.workdir), test)
    logger.info("test accuracy %.4f on %s", accuracy, data.TITLES[config.dataset])


if __name__ == "__main__":
    main()
