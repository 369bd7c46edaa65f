"""Which trainers there are, told by their specs alone: nothing they train with is imported."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec

from mcp_automl.domain.declared import Declared, DeclaredTrainer
from mcp_automl.domain.errors import InvalidRequest, TrainerUnavailable
from mcp_automl.domain.figures import shown
from mcp_automl.domain.jobs import TrainerRef
from mcp_automl.domain.script import Needs
from mcp_automl.domain.search import Search, search
from mcp_automl.domain.space import Categorical, Float, Int, Parameter
from mcp_automl.domain.study import Objective, StudyConfig
from trainers import contract
from trainers.specs import BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A trainer of the operator's; its name alone is known before anybody asks for more."""

    read: Callable[[], contract.TrainerSpec]
    """Its spec; raises TrainerUnavailable where something is wrong with it."""
    module: str
    options: Mapping[str, object] = field(default_factory=dict)
    """As in `TrainerRef`."""


def _none() -> Mapping[str, Own]:
    return {}


class Catalog:
    """Trainers by name.

    Args:
        specs: those that are built in.
        own: the operator's, asked for each time: they may be changed while this lives.
        permitted: which texts may be asked for beside a trainer's defaults; see `Declared`.
    """

    def __init__(
        self,
        specs: Iterable[contract.TrainerSpec] = BUILT_IN,
        own: Callable[[], Mapping[str, Own]] = _none,
        permitted: Callable[[str], str] | None = None,
    ) -> None:
        self._specs: Mapping[str, contract.TrainerSpec] = {spec.name: spec for spec in specs}
        self._own = own
        self._permitted = permitted

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._specs, *self._own())

    def spelled(self, model: str | None) -> str | None:
        """The name as it is known, if one alone is the same in another case; None for nothing."""
        said = (model or "").strip()
        if not said or said in self._specs:
            return said or None
        alike = [it for it in self.names if it.lower() == said.lower()]
        return alike[0] if len(alike) == 1 and said not in alike else said

    def spec(self, model: str) -> contract.TrainerSpec:
        """The spec of that trainer.

        Raises:
            InvalidRequest: there is no such trainer; the message names those there are.
            TrainerUnavailable: it is the operator's own, and something is wrong with it.
        """
        if model in self._specs:
            return self._specs[model]
        own = self._own()
        if model not in own:
            known = ", ".join(repr(name) for name in (*self._specs, *own))
            raise InvalidRequest(f"there is no model {shown(model)}; model_type can be {known}")
        return own[model].read()

    def check_installed(self, model: str) -> None:
        """Makes sure the trainer can be used, and the packages that it imports are there.

        Raises:
            TrainerUnavailable: they are not; the message is the command that installs them.
        """
        spec = self.spec(model)
        trouble = _trouble(spec)
        if trouble:
            raise TrainerUnavailable(trouble)

    def runs_alone(self, model: str) -> bool:
        """Whether `python -m trainers.<model>` trains it: not so with what is the operator's."""
        return model in self._specs

    def preload(self) -> list[str]:
        """Modules that a worker's parent process should import, of trainers that are installed."""
        ready = (spec for spec in self._specs.values() if not _missing(spec))
        return [module for spec in ready for module in spec.preload]

    def reference(self, model: str) -> TrainerRef:
        """Where that trainer's code is."""
        spec = self.spec(model)
        own = self._own().get(model)
        return TrainerRef(
            name=model,
            module=spec.module if own is None else own.module,
            options={} if own is None else own.options,
            gpu_memory_gb=spec.gpu_memory_gb,
            trial_stall_timeout_s=spec.trial_stall_timeout_s,
            trial_timeout_s=spec.trial_timeout_s,
            gpus=spec.gpus,
            cpu_cores=spec.cpu_cores,
        )

    def needs(self, model: str) -> Needs:
        """What running that trainer alone takes, in the versions that are installed here.

        Raises:
            InvalidRequest: there is no such trainer, or it is the operator's own.
        """
        spec = self.spec(model)
        if not self.runs_alone(model):
            raise InvalidRequest(
                f"model {model!r} is a trainer of the operator's own, which no program of ours "
                "can run; choose format 'csv' or 'json'"
            )
        pins = [_pin("mcp-automl", spec.extra), *(_pin(name) for name in _distributions(spec))]
        return Needs(module=spec.module, pins=[pin for pin in pins if pin])

    def config(
        self,
        name: str,
        model: str,
        *,
        n_trials: int,
        epochs_max: int | None,
        seed: int,
        owner: str,
        search_space: object = None,
    ) -> StudyConfig:
        """A study of that trainer over its default space, changed by `search_space`.

        Raises:
            InvalidRequest: there is no such trainer, or a value is out of range.
        """
        found = self.search(model, search_space, epochs_max)
        defaults = {p.name: p.default for p in self.spec(model).parameters}
        return StudyConfig(
            name=name,
            model=model,
            objectives=self.objectives(model),
            space=found.space,
            constants=found.constants,
            default=found.space.clip(defaults),
            n_trials=n_trials,
            epochs_max=found.epochs_max,
            seed=seed,
            owner=owner,
        )

    def search(self, model: str, search_space: object, epochs_max: int | None) -> Search:
        """What a study of that trainer searches if it is asked for in these words.

        Raises:
            InvalidRequest: there is no such trainer, or that cannot be searched.
            TrainerUnavailable: something is wrong with it.
        """
        return search(search_space, self._declared(self.spec(model)), epochs_max)

    def objectives(self, model: str) -> tuple[Objective, ...]:
        return tuple(map(_objective, self.spec(model).objectives))

    def declaration(self, model: str) -> DeclaredTrainer:
        """What that trainer says of itself; one that cannot speak says why.

        Raises:
            InvalidRequest: there is no such trainer.
        """
        try:
            spec = self.spec(model)
        except TrainerUnavailable as error:
            return DeclaredTrainer(
                name=model, description="", objectives=(), parameters=(), trouble=str(error)
            )
        final = spec.final_objective
        return DeclaredTrainer(
            name=spec.name,
            description=spec.description,
            objectives=self.objectives(model),
            parameters=self._declared(spec),
            final_objective=None if final is None else _objective(final),
            gpus=spec.gpus,
            cpu_cores=spec.cpu_cores,
            trouble=_trouble(spec),
        )

    def _declared(self, spec: contract.TrainerSpec) -> tuple[Declared, ...]:
        return tuple(_declared(parameter, self._permitted) for parameter in spec.parameters)


def _objective(told: contract.Objective) -> Objective:
    return Objective(name=told.name, maximize=told.direction == "maximize")


def _distributions(spec: contract.TrainerSpec) -> list[str]:
    """What is installed for that trainer, by the names that package indexes know."""
    from packaging.requirements import Requirement

    try:
        declared = [Requirement(it) for it in metadata.requires("mcp-automl") or ()]
    except metadata.PackageNotFoundError:
        # Run from a checkout: what is imported is called like what is installed, nearly always.
        return list(spec.requires)
    of_extra = {"extra": spec.extra or ""}
    markers = [(it.name, it.marker) for it in declared if "extra" in str(it.marker)]
    return [name for name, marker in markers if marker is not None and marker.evaluate(of_extra)]


def _pin(name: str, extra: str | None = None) -> str | None:
    try:
        # What follows a plus names a build, such as `cpu`, that no common index has.
        version = metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None
    return f"{name}{f'[{extra}]' if extra else ''}=={version}"


def _missing(spec: contract.TrainerSpec) -> list[str]:
    return [name for name in spec.requires if find_spec(name) is None]


def _trouble(spec: contract.TrainerSpec) -> str:
    missing = _missing(spec)
    if not missing:
        return ""
    what = f"mcp-automl[{spec.extra}]" if spec.extra else " ".join(missing)
    return (
        f"model {spec.name!r} needs {', '.join(missing)}, which is not installed; "
        f"run: pip install '{what}'"
    )


def _declared(
    parameter: contract.Parameter, permitted: Callable[[str], str] | None = None
) -> Declared:
    is_text = parameter.kind == "text"
    can_be_searched = parameter.searchable and not is_text
    return Declared(
        name=parameter.name,
        widest=None if is_text else _widest(parameter),
        searched=_searched(parameter) if can_be_searched else None,
        default=parameter.default,
        description=parameter.description,
        in_default_space=parameter.in_default_space,
        when=parameter.when,
        permitted=permitted if is_text else None,
    )


def _widest(parameter: contract.Parameter) -> Parameter:
    if parameter.kind == "categorical":
        return Categorical(choices=parameter.choices)
    return _range(parameter, parameter.low, parameter.high)


def _searched(parameter: contract.Parameter) -> Parameter:
    choices = parameter.search_choices or parameter.choices
    if choices:
        return Categorical(choices=choices)
    low = parameter.low if parameter.search_low is None else parameter.search_low
    high = parameter.high if parameter.search_high is None else parameter.search_high
    return _range(parameter, low, high)


def _range(parameter: contract.Parameter, low: float | None, high: float | None) -> Float | Int:
    assert low is not None and high is not None
    if parameter.kind == "int":
        return Int(low=int(low), high=int(high), step=parameter.step, log=parameter.log)
    return Float(low=low, high=high, log=parameter.log)
