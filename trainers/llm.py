"""Causal language modelling: a model and a text of the Hugging Face hub, of a folder, or embedded.

The learning rate is constant by default and warms up within the first epoch, so no epoch depends on
how many follow: a pruner compares trials after equal epochs. Linear and cosine schedules can be
chosen; on the embedded text they found less in the same time (docs/llm.md).

`batch_size` is what one optimizer step sees. How much of it is in memory at once is another matter:
gradients are summed over micro-batches, and are those of the whole batch's mean loss per token.
"""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

# torch.optim imports this a second late, at the first optimizer; a forked trial would pay for it.
import torch._dynamo
from torch import nn

from trainers import alone, checkpoints, language_models, rows, texts
from trainers.contract import Context, Measurement, Package, Prepared
from trainers.language_models import Base
from trainers.rows import Rows

SCHEDULES = ("constant", "linear", "cosine")
ADAPTATIONS = ("auto", "full", "lora")

MAX_GRADIENT_NORM = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one training is told; `trainers.specs.LLM` documents each field."""

    lr: float = 1e-3
    batch_size: int = 32
    epochs: int = 5
    weight_decay: float = 0.01
    warmup: float = 0.2
    schedule: str = "constant"
    label_smoothing: float = 0.0
    adaptation: str = "auto"
    lora_rank: int = 16
    lora_alpha: int = 32
    context: int = 0
    model: str = language_models.EMBEDDED
    text: str = texts.EMBEDDED

    def __post_init__(self) -> None:
        if not (self.lr > 0 and min(self.batch_size, self.epochs, self.lora_rank) >= 1):
            raise ValueError(f"lr, batch_size, epochs and lora_rank must be positive: {self}")
        if not (0 <= self.warmup <= 1 and 0 <= self.label_smoothing < 1 and self.context >= 0):
            raise ValueError(f"warmup, label_smoothing or context is out of range: {self}")
        for name, choices in (("schedule", SCHEDULES), ("adaptation", ADAPTATIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}: {self}")


def prepare(
    data_dir: Path,
    model: str = language_models.EMBEDDED,
    text: str = texts.EMBEDDED,
    adaptation: str = "auto",
) -> Prepared:
    """Fetches model and text once for all trials of a study, and says which they are.

    Raises:
        FileNotFoundError: one of them does not exist, or cannot be fetched.
        ValueError: one of them cannot be read or adapted so, or the text is too short.
    """
    base = language_models.find(model)
    how = " by LoRA" if base.uses_lora(adaptation) else ""
    corpus = texts.prepare(data_dir, text, base.tokenizer)
    embedded = (model, text) == (language_models.EMBEDDED, texts.EMBEDDED)
    origin = "embedded default, nothing downloaded: " if embedded else ""
    description = f"{origin}{base.describe()}{how} on {corpus.describe()}"
    return Prepared(arguments={"model": model, "text": text}, description=description)


@dataclass(slots=True, kw_only=True)
class Learner:
    """All that changes while training, and therefore all that a checkpoint holds."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    at_once: int
    """Rows of a batch that are in memory at once."""
    steps: int = 0
    """Optimizer steps taken so far; the learning rate follows from them."""


def train(config: Config, context: Context) -> Iterator[Measurement]:
    """Trains and yields after each epoch; the objective is `val_perplexity`.

    Of a final training it is `test_perplexity`. A training that has diverged goes on and says so by
    metrics that are not finite.

    Raises:
        ValueError: model or text cannot be used, or the checkpoint is of another training.
        FileNotFoundError: model or text cannot be had.
        ModuleNotFoundError: LoRA needs `peft`, which is not installed.
    """
    torch.set_num_threads(context.threads)
    context.workdir.mkdir(parents=True, exist_ok=True)
    base = language_models.find(config.model)
    corpus = texts.prepare(context.data_dir, config.text, base.tokenizer)
    length, device = base.context(config.context), torch.device(context.device)
    parts = corpus.parts(final=context.final)
    examples, held_out = (rows.rows(tokens, length, device) for tokens in parts)
    learner = new_learner(config, context.seed, base, length, device)
    part, more = ("test", " with its validation part") if context.final else ("val", "")
    subject = f"{config.model}, {corpus.path.stem}{more}, context {length}"

    resumed = resume(learner, context, subject)
    if resumed is not None:
        language_models.save(learner.model, base, context.workdir)
        yield resumed
    baseline = baseline_perplexity(learner, held_out, resumed)

    for epoch in range(resumed.epoch + 1 if resumed else 1, config.epochs + 1):
        began = time.perf_counter()
        train_loss = run_epoch(learner, examples, config, context.seed + 1_000_003 * epoch)
        speed = examples.tokens / (time.perf_counter() - began)
        metrics = judged(rows.mean_loss(learner.model, held_out, learner.at_once), baseline, part)
        metrics |= {"train_loss": train_loss, "tokens_per_second": speed}
        # The model goes first: a kill between the two must not leave a finished epoch behind whose
        # model is that of the epoch before.
        language_models.save(learner.model, base, context.workdir)
        measured = Measurement(epoch=epoch, metrics=metrics, seconds=time.perf_counter() - began)
        save_checkpoint(learner, context.workdir, subject, measured)
        yield replace(measured, seconds=time.perf_counter() - began)


def baseline_perplexity(learner: Learner, held_out: Rows, resumed: Measurement | None) -> float:
    """Returns what the model reached before any training."""
    if resumed is not None:
        return resumed.metrics["baseline_perplexity"]
    return perplexity(rows.mean_loss(learner.model, held_out, learner.at_once))


def judged(loss: float, baseline: float, part: str) -> dict[str, float]:
    reached = perplexity(loss)
    return {
        f"{part}_perplexity": reached,
        f"{part}_loss": loss,
        "baseline_perplexity": baseline,
        "improvement_pct": 100 * (1 - reached / baseline),
    }


def perplexity(loss: float) -> float:
    """Returns e to the mean loss per token; infinite where that is too large for a float."""
    return torch.tensor(loss, dtype=torch.float64).exp().item()


def new_learner(
    config: Config, seed: int, base: Base, length: int, device: torch.device
) -> Learner:
    """Returns a learner that has learned nothing; all its randomness is the seed's."""
    torch.manual_seed(seed)
    lora = (config.lora_rank, config.lora_alpha) if base.uses_lora(config.adaptation) else None
    model = language_models.load(base, device, lora=lora)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = new_optimizer(parameters, config)
    count = sum(p.numel() for p in parameters)
    # Gradients and AdamW's two moments come later than the rows' number is chosen.
    at_once = rows.in_memory(length * base.bytes_per_token, config.batch_size, device, 12 * count)
    how = "by LoRA" if lora else "all of it"
    logger.info("%s: %d parameters; %d rows of %d at once", how, count, at_once, length)
    return Learner(model=model, optimizer=optimizer, at_once=at_once)


def new_optimizer(parameters: list[nn.Parameter], config: Config) -> torch.optim.Optimizer:
    # Norms and biases are not what overfits: only matrices decay.
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, config.lr, betas=(0.9, 0.95), fused=True)


def run_epoch(learner: Learner, examples: Rows, config: Config, seed: int) -> float:
    """Passes once over the examples and returns their mean loss per token."""
    # Each epoch has a random state of its own: whoever resumes shuffles and drops out as if never
    # interrupted, and no checkpoint has to hold the state of every generator of every device.
    torch.manual_seed(seed)
    learner.model.train()
    batches = torch.randperm(len(examples)).to(examples.inputs.device).split(config.batch_size)
    total = torch.zeros((), device=examples.inputs.device)
    for batch in batches:
        learner.steps += 1
        factor = lr_factor(config, learner.steps, len(batches))
        for group in learner.optimizer.param_groups:
            group["lr"] = config.lr * factor
        few = examples[batch]
        smoothing = config.label_smoothing
        loss, learner.at_once = rows.backward(learner.model, few, smoothing, learner.at_once)
        nn.utils.clip_grad_norm_(learner.model.parameters(), MAX_GRADIENT_NORM)
        learner.optimizer.step()
        learner.optimizer.zero_grad(set_to_none=True)
        # Reading the loss here would make a GPU wait for every step; it is read once per epoch.
        total += loss * (few.targets != rows.IGNORED).sum()
    return total.item() / examples.tokens


def lr_factor(config: Config, step: int, steps_per_epoch: int) -> float:
    """Returns what the learning rate is multiplied by at this 1-based step, from 0 to 1."""
    warmup = round(config.warmup * steps_per_epoch)
    if step <= warmup:
        return step / warmup
    done = (step - 1 - warmup) / max(1, config.epochs * steps_per_epoch - warmup)
    if config.schedule == "linear":
        return 1 - done
    return (1 + math.cos(math.pi * done)) / 2 if config.schedule == "cosine" else 1.0


def save_checkpoint(learner: Learner, workdir: Path, subject: str, measured: Measurement) -> None:
    state = {
        "parameters": language_models.trained(learner.model),
        "optimizer": learner.optimizer.state_dict(),
        "at_once": learner.at_once,
        "steps": learner.steps,
        "subject": subject,
        "measurement": asdict(measured),
    }
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
    if state["subject"] != subject:
        raise ValueError(f"the checkpoint is of a training on {state['subject']}, not on {subject}")
    language_models.restore(learner.model, state["parameters"])
    learner.optimizer.load_state_dict(state["optimizer"])
    learner.at_once, learner.steps = state["at_once"], state["steps"]
    return Measurement(**state["measurement"])


def package(workdir: Path, data_dir: Path) -> Package:
    """Returns the saved model, LoRA merged into it, and its tokenizer."""
    return language_models.package(workdir)


def main() -> None:
    given = alone.asked("llm", Config)
    prepared = prepare(*(given[name] for name in ("data_dir", "model", "text", "adaptation")))
    config, context = alone.begun(given, prepared, Config)
    alone.follow(train(config, context))
    # Unless it is a final one, the test part is looked at here alone: no choice is left to make.
    logger.info("test perplexity %.4f", test_perplexity(config, context))


def test_perplexity(config: Config, context: Context) -> float:
    base = language_models.find(config.model)
    corpus = texts.prepare(context.data_dir, config.text, base.tokenizer)
    examples = rows.rows(corpus.load("test"), base.context(config.context), torch.device("cpu"))
    return perplexity(rows.mean_loss(language_models.load_saved(context.workdir), examples, 1))


if __name__ == "__main__":
    main()
