"""Trainers as `mcp_automl.toml` describes them; what is left out is guessed where it can be."""

import math
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from trainers import contract
from trainers.variables import check_distinct

PARAMETER = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"

Scalar = bool | int | float | str
Choices = Annotated[
    tuple[Scalar, ...], BeforeValidator(lambda it: tuple(it) if isinstance(it, list) else it)
]
"""A list, kept as it is: 1 is no 1.0."""


def _gpus(number: float) -> float:
    if number not in contract.GPUS:
        raise ValueError(f"Input should be {contract.GPUS_IN_WORDS}")
    return number


class Table(BaseModel):
    """Part of the file; a word that means nothing here is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ParameterTable(Table):
    """A parameter, in the words of `trainers.contract.Parameter`; what is left out is guessed."""

    kind: Literal["float", "int", "categorical", "text"] | None = Field(
        default=None, validation_alias=AliasChoices("kind", "type")
    )
    default: Scalar | None = None
    description: str = ""
    low: float | int | None = None
    high: float | int | None = None
    log: bool = False
    step: int = Field(default=1, ge=1)
    choices: Choices = ()
    in_default_space: bool = True
    searchable: bool = True
    search_low: float | int | None = None
    search_high: float | int | None = None
    search_choices: Choices = ()
    when: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)

    def declared(self, name: str) -> contract.Parameter:
        """The parameter of that name.

        Raises:
            ValueError: it contradicts itself.
        """
        kind = self.kind or self._kind()
        if kind in ("float", "int"):
            self._check_range(name)
        return contract.Parameter(
            name=name,
            kind=kind,
            default=self._default(name, kind) if self.default is None else self.default,
            description=self.description,
            low=self.low,
            high=self.high,
            log=self.log,
            step=self.step,
            choices=self.choices,
            in_default_space=self.in_default_space and self.searchable and kind != "text",
            searchable=self.searchable,
            search_low=self.search_low,
            search_high=self.search_high,
            search_choices=self.search_choices,
            when={k: tuple(v) if isinstance(v, list) else (v,) for k, v in self.when.items()},
        )

    def _kind(self) -> Literal["float", "int", "categorical", "text"]:
        if self.choices:
            return "categorical"
        if self.low is None and self.high is None and isinstance(self.default, str):
            return "text"
        whole = all(isinstance(number, int) for number in (self.low, self.high))
        return "int" if whole else "float"

    def _check_range(self, name: str) -> None:
        if self.low is None or self.high is None:
            raise ValueError(f"{name} needs low and high, or choices")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{name}: low must be less than high, and both finite")
        if self.log and self.low <= 0:
            raise ValueError(f"{name}: with log, low must be more than 0")

    def _default(self, name: str, kind: str) -> Scalar:
        if kind == "categorical":
            if not self.choices:
                raise ValueError(f"{name} needs choices")
            return self.choices[0]
        if kind == "text":
            raise ValueError(f"{name} needs a default")
        assert self.low is not None and self.high is not None
        if name == "epochs":
            return int(self.high)
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        if kind == "float":
            return middle
        return int(self.low) + round((middle - self.low) / self.step) * self.step


class Limited(Table):
    """What can be said of any trainer of one's own; what is not said stays as it is declared."""

    gpu_memory_gb: float | None = Field(default=None, ge=0)
    trial_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    trial_stall_timeout_s: float | None = Field(default=None, ge=1, allow_inf_nan=False)
    gpus: Annotated[float, AfterValidator(_gpus)] | None = None
    cpu_cores: int | None = Field(default=None, ge=1)

    def applied_to(self, spec: contract.TrainerSpec) -> contract.TrainerSpec:
        """The spec with these limits."""
        said = {name: getattr(self, name) for name in Limited.model_fields}
        return replace(spec, **{name: it for name, it in said.items() if it is not None})


class FileTable(Limited):
    """A trainer in a Python file, which declares all the rest itself."""

    file: str = Field(pattern=r"\.py$")


class CommandTable(Limited):
    """A command, in the words of `trainers.contract.TrainerSpec`."""

    command: list[str] = Field(min_length=1)
    folder: str = ""
    """Where the command runs; where this file is, if not said."""
    description: str = ""
    objective: str = Field(min_length=1)
    direction: Literal["maximize", "minimize"]
    final_objective: str | None = Field(default=None, min_length=1)
    """What it reports instead when `MCP_AUTOML_FINAL` is true; in the same direction."""
    measurements: Literal["json", "mlflow"] = "json"
    """How it says what it has measured: lines of JSON on stdout, or metrics logged to MLflow."""
    parameters: dict[Annotated[str, Field(pattern=PARAMETER)], ParameterTable] = Field(min_length=1)

    def spec(self, name: str) -> contract.TrainerSpec:
        """All that is known of the trainer.

        Raises:
            ValueError: its parameters contradict themselves or each other.
        """
        check_distinct(self.parameters)
        objective = contract.Objective(name=self.objective, direction=self.direction)
        final = (
            None if self.final_objective is None else replace(objective, name=self.final_objective)
        )
        spec = contract.TrainerSpec(
            name=name,
            module="trainers.command",
            description=self.description or f"The command {self.command[0]}.",
            objectives=(objective,),
            final_objective=final,
            parameters=tuple(p.declared(n) for n, p in self.parameters.items()),
        )
        return self.applied_to(spec)
