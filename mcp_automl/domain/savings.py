"""What pruning saved: epochs that were planned, not trained, and would have cost something."""

from collections.abc import Iterable
from dataclasses import dataclass

from mcp_automl.domain.prices import charge


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedTrial:
    """A trial that the pruner ended: how far it was to go, and what was measured of it."""

    planned: int
    """Epochs that its parameters asked for."""
    trained: int
    """Epochs that were measured."""
    epoch_s: float
    """How long one of these took, on average."""
    usd_per_hour: float
    """What its slots cost, on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """An estimate: the epochs that were not trained are priced like those that were."""

    epochs: int = 0
    usd: float = 0.0


def savings(pruned: Iterable[PrunedTrial]) -> Savings:
    """What these trials would still have cost, each by its own epochs and its own price.

    What a trial costs beside its epochs, such as starting its process, is not saved by ending it
    and not counted. Nor is what a budget ended: that money was never there.
    """
    missing = [(trial, max(0, trial.planned - trial.trained)) for trial in pruned]
    return Savings(
        epochs=sum(epochs for _, epochs in missing),
        usd=sum(epochs * charge(trial.epoch_s, trial.usd_per_hour) for trial, epochs in missing),
    )
