"""What somebody asks of a training job, as it came: nothing of it has been checked."""

from collections.abc import Mapping
from dataclasses import dataclass

MIN_SEEDS, MAX_SEEDS = 2, 10
"""How often each of two configurations can be trained again to verify a win."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A training to be started; what is None was not said."""

    model: str | None = None
    epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
    weight_decay: float | None = None
    params: object = None
    """Other parameters by name, also as JSON in a text."""
    priority: str | None = None
    study: str | None = None
    """The study whose best parameters are taken; what is named beside it goes before them."""
    run_name: str | None = None
    final: bool | None = None
    """Whether to train on training and validation data together."""
    register: bool | None = None
    verify_seeds: int | None = None
    """How often the study's best and second best are trained again, in place of one training."""

    @property
    def named(self) -> Mapping[str, object]:
        """The parameters that have an argument of their own."""
        return {
            "epochs": self.epochs,
            "lr": self.lr,
            "batch_size": self.batch_size,
            "weight_decay": self.weight_decay,
        }

    @property
    def names_any(self) -> bool:
        """Whether any parameter was given."""
        return self.params is not None or any(it is not None for it in self.named.values())
