"""Which trainers there are, told by their specs alone: nothing they train with is imported."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from mcp_automl.domain.errors import InvalidRequest, TrainerUnavailable
from mcp_automl.domain.jobs import TrainerRef
from mcp_automl.domain.space import Categorical, Float, Int, Parameter, SearchSpace, Value
from mcp_automl.domain.study import Objective, StudyConfig, check_epochs_max
from trainers import contract
from trainers.specs import BUILT_IN


class Catalog:
    """Trainers by name."""

    def __init__(self, specs: Iterable[contract.TrainerSpec] = BUILT_IN) -> None:
        self._specs: Mapping[str, contract.TrainerSpec] = {spec.name: spec for spec in specs}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._specs)

    def spec(self, model: str) -> contract.TrainerSpec:
        """The spec of that trainer.

        Raises:
            InvalidRequest: there is no such trainer; the message names those there are.
        """
        if model not in self._specs:
            known = ", ".join(repr(name) for name in self.names)
            raise InvalidRequest(f"there is no model {model!r}; model_type can be {known}")
        return self._specs[model]

    def check_installed(self, model: str) -> None:
        """Makes sure the packages that the trainer imports are there.

        Raises:
            TrainerUnavailable: they are not; the message is the command that installs them.
        """
        spec = self.spec(model)
        missing = _missing(spec)
        if missing:
            what = f"mcp-automl[{spec.extra}]" if spec.extra else " ".join(missing)
            raise TrainerUnavailable(
                f"model {model!r} needs {', '.join(missing)}, which is not installed; "
                f"run: pip install '{what}'"
            )

    def preload(self) -> list[str]:
        """Modules that a worker's parent process should import, of trainers that are installed."""
        ready = (spec for spec in self._specs.values() if not _missing(spec))
        return [module for spec in ready for module in spec.preload]

    def reference(self, model: str) -> TrainerRef:
        """Where that trainer's code is."""
        spec = self.spec(model)
        return TrainerRef(
            name=spec.name,
            module=spec.module,
            gpu_memory_gb=spec.gpu_memory_gb,
            trial_stall_timeout_s=spec.trial_stall_timeout_s,
            trial_timeout_s=spec.trial_timeout_s,
        )

    def config(
        self,
        name: str,
        model: str,
        *,
        n_trials: int,
        epochs_max: int,
        cost_budget_usd: float | None,
        seed: int,
        owner: str,
    ) -> StudyConfig:
        """A study of that trainer over its default space.

        Raises:
            InvalidRequest: there is no such trainer, or a value is out of range.
        """
        check_epochs_max(epochs_max)
        space = self.space(model, epochs_max)
        return StudyConfig(
            name=name,
            model=model,
            objectives=self.objectives(model),
            space=space,
            default=self.default(model, space),
            n_trials=n_trials,
            epochs_max=epochs_max,
            cost_budget_usd=cost_budget_usd,
            seed=seed,
            owner=owner,
        )

    def objectives(self, model: str) -> tuple[Objective, ...]:
        return tuple(
            Objective(name=objective.name, maximize=objective.direction == "maximize")
            for objective in self.spec(model).objectives
        )

    def space(self, model: str, epochs_max: int) -> SearchSpace:
        """The trainer's default space with `epochs` reaching up to `epochs_max`."""
        searched = (p for p in self.spec(model).parameters if p.in_default_space)
        space = SearchSpace({parameter.name: _domain(parameter) for parameter in searched})
        return space.bounded("epochs", epochs_max)

    def default(self, model: str, space: SearchSpace) -> dict[str, Value]:
        """The trainer's default configuration clipped into the space."""
        return space.clip({p.name: p.default for p in self.spec(model).parameters})


def _missing(spec: contract.TrainerSpec) -> list[str]:
    return [name for name in spec.requires if find_spec(name) is None]


def _domain(parameter: contract.Parameter) -> Parameter:
    choices = parameter.search_choices or parameter.choices
    if choices:
        return Categorical(choices=choices)
    low = parameter.low if parameter.search_low is None else parameter.search_low
    high = parameter.high if parameter.search_high is None else parameter.search_high
    assert low is not None and high is not None
    if parameter.kind == "int":
        return Int(low=int(low), high=int(high), step=parameter.step, log=parameter.log)
    return Float(low=low, high=high, log=parameter.log)
