"""Tuning from Python: `from mcp_automl import SearchSpace, StudyConfig, tune`.

The same studies in the same workspace as the tools' and the command line's, so that each sees what
the others have begun. Nothing is trained in the calling process.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.space import Params

if TYPE_CHECKING:
    from mcp_automl.answers import StudyStatus
    from mcp_automl.settings import Settings

LOOK_SECONDS = 0.5

SUFFIXES = ("min", "max", "choices", "log", "step", "when")
"""What may follow a parameter's name and an underscore."""


class SearchSpace:
    """What to search, changing the model's default space.

    `lr_min=1e-4, lr_max=5e-3` is a range, `batch_size_choices=[64, 128]` are choices, and
    `dropout=0.1` fixes a value; `lr=[1e-4, 5e-3]` and every other form that `search_space` has in
    `start_automl_study` may stand under a parameter's bare name. `lr_log`, `depth_step` and
    `momentum_when={"optimizer": "sgd"}` complete a range or choices.

    Raises:
        InvalidRequest: a parameter is given both ways. Names and bounds are checked by `tune`,
            which knows the model.
    """

    def __init__(self, **parameters: object) -> None:
        self.asked: Mapping[str, object] = _by_parameter(parameters)
        """The space as `start_automl_study` takes it."""

    def __repr__(self) -> str:
        return f"SearchSpace({', '.join(f'{n}={wish!r}' for n, wish in self.asked.items())})"


def _by_parameter(given: Mapping[str, object]) -> dict[str, object]:
    asked: dict[str, object] = {}
    fields: dict[str, dict[str, object]] = {}
    for key, value in given.items():
        name, _, suffix = key.rpartition("_")
        if name and suffix in SUFFIXES:
            fields.setdefault(name, {})[suffix] = value
        else:
            asked[key] = value
    both = sorted(asked.keys() & fields.keys())
    if both:
        name = both[0]
        also = ", ".join(f"{name}_{suffix}" for suffix in fields[name])
        raise InvalidRequest(f"{name} is given twice: as {name} and as {also}")
    return {**asked, **fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """A study as it is asked for; what is None has its default, or keeps what it was."""

    study_name: str
    model_type: str | None = None
    n_trials: int | None = None
    """A total: a study of that name that has some already gets only the missing ones."""
    epochs_max: int | None = None
    cost_budget_usd: float | None = None
    max_cost_per_trial_usd: float | None = None
    search_space: SearchSpace | Mapping[str, object] | None = None
    sampler: str | None = None
    pruner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """How a study ended."""

    study_name: str
    state: str
    """COMPLETE, STOPPED or FAILED."""
    reason: str
    objective: str
    trials: int
    """Those that count towards `n_trials`."""
    best_value: float | None
    """None if no trial has a value."""
    best_params: Params = field(default_factory=dict)
    cost_usd: float = 0.0
    data: str = ""
    """The data set in words."""


def tune(config: StudyConfig, *, settings: "Settings | None" = None) -> Tuned:
    """Starts a study, or goes on with it, and waits until it ends.

    It runs in the background: if the wait is interrupted it goes on, and the same call waits again.

    Args:
        settings: of another workspace than the usual one.

    Raises:
        AutomlError: the study cannot be started so; the message says what would be valid.
    """
    from mcp_automl.composition import build_service

    service, space = build_service(settings), config.search_space
    request = StudyRequest(
        config.study_name,
        config.model_type,
        config.n_trials,
        config.epochs_max,
        config.cost_budget_usd,
        config.max_cost_per_trial_usd,
        space.asked if isinstance(space, SearchSpace) else space,
        config.sampler,
        config.pruner,
    )
    service.start_study(request)
    while (status := service.status(config.study_name)).next_look_s is not None:
        time.sleep(LOOK_SECONDS)
    return _tuned(status)


def _tuned(status: "StudyStatus") -> Tuned:
    study, best = status.study, status.best
    return Tuned(
        study_name=study.config.name,
        state=study.state.value,
        reason=study.reason,
        objective=study.config.objective.name,
        trials=status.done,
        best_value=None if best is None else best.value,
        best_params={} if best is None else dict(best.params),
        cost_usd=status.cost_usd,
        data=study.data,
    )
