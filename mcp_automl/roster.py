"""The operator's own trainers: the tables `[trainers.NAME]` of `mcp_automl.toml`.

One table that is wrong takes nothing else along: its trainer is listed with what is wrong with it.
The file is read anew each time, so that whoever writes a table need not restart anything.
"""

import math
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from mcp_automl.catalog import Catalog, Own
from mcp_automl.domain.errors import InvalidSettings, TrainerUnavailable
from mcp_automl.settings import config_file
from trainers import contract
from trainers.specs import BUILT_IN

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
BUILT_IN_NAMES = frozenset(spec.name for spec in BUILT_IN)
PARAMETER = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
MAX_PROBLEMS = 3

Scalar = bool | int | float | str
Choices = Annotated[
    tuple[Scalar, ...], BeforeValidator(lambda it: tuple(it) if isinstance(it, list) else it)
]
"""A list, kept as it is: 1 is no 1.0."""


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


class TrainerTable(Table):
    """A trainer, in the words of `trainers.contract.TrainerSpec`."""

    command: list[str] = Field(min_length=1)
    folder: str = ""
    """Where the command runs; where this file is, if not said."""
    description: str = ""
    objective: str = Field(min_length=1)
    direction: Literal["maximize", "minimize"]
    parameters: dict[Annotated[str, Field(pattern=PARAMETER)], ParameterTable] = Field(min_length=1)
    gpu_memory_gb: float = Field(default=1.0, ge=0)
    trial_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    trial_stall_timeout_s: float | None = Field(default=None, ge=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _whole(self) -> "TrainerTable":
        # A range or choices that cannot be searched are found out here, not by a study.
        Catalog([self.spec("checked")]).declaration("checked")
        return self

    def spec(self, name: str) -> contract.TrainerSpec:
        """All that is known of the trainer."""
        objective = contract.Objective(name=self.objective, direction=self.direction)
        return contract.TrainerSpec(
            name=name,
            module="trainers.command",
            description=self.description or f"The command {self.command[0]}.",
            objectives=(objective,),
            parameters=tuple(p.declared(n) for n, p in self.parameters.items()),
            gpu_memory_gb=self.gpu_memory_gb,
            trial_timeout_s=self.trial_timeout_s,
            trial_stall_timeout_s=self.trial_stall_timeout_s,
        )


def own_trainers() -> Mapping[str, Own]:
    """All that the operator's file names, by name.

    Raises:
        InvalidSettings: the file cannot be read.
    """
    file = config_file()
    try:
        loaded = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"the settings in {file} cannot be read: {error}") from error
    tables = loaded.get("trainers", {})
    if not isinstance(tables, dict):
        raise InvalidSettings(f"{file}: trainers is no table; write [trainers.NAME]")
    return {_listed(name): _own(name, table, file) for name, table in tables.items()}


def _listed(name: str) -> str:
    # What is wrong with it shall be seen, and the built-in trainer be used.
    return f"own {name}" if name.lower() in BUILT_IN_NAMES else name


def _own(name: str, table: object, file: Path) -> Own:
    try:
        _check_name(name)
        return _of_command(name, TrainerTable.model_validate(table), file.absolute().parent)
    except ValidationError as error:
        problem = "; ".join(_problems(error))
    except ValueError as error:
        problem = str(error)
    return _broken(f"trainer {name[:64]!r} in {file} cannot be used: {problem}")


def _check_name(name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise ValueError("its name may have letters, digits, '.', '_' and '-', up to 64 of them")
    if name.lower() in BUILT_IN_NAMES:
        raise ValueError("a built-in trainer has that name; choose another one")


def _problems(error: ValidationError) -> Iterator[str]:
    found = error.errors(include_url=False)
    for one in found[:MAX_PROBLEMS]:
        where = ".".join(str(part) for part in one["loc"])
        what = one["msg"].removeprefix("Value error, ")
        yield f"{where}: {what}" if where else what
    if len(found) > MAX_PROBLEMS:
        yield f"and {len(found) - MAX_PROBLEMS} more"


def _broken(trouble: str) -> Own:
    def refuse() -> contract.TrainerSpec:
        raise TrainerUnavailable(trouble)

    return Own(read=refuse, module="")


def _of_command(name: str, table: TrainerTable, beside: Path) -> Own:
    folder = beside / Path(table.folder).expanduser()

    def read() -> contract.TrainerSpec:
        _check_there(name, table.command[0], folder)
        return table.spec(name)

    return Own(
        read=read,
        module="trainers.command",
        options={
            "command": table.command,
            "folder": str(folder),
            "objective": table.objective,
        },
    )


def _check_there(name: str, program: str, folder: Path) -> None:
    if not folder.is_dir():
        raise TrainerUnavailable(f"trainer {name!r}: its folder {folder} is not there")
    here = os.path.join(folder, program) if os.sep in program else program
    if shutil.which(here) is None and program not in ("python", "python3"):
        raise TrainerUnavailable(
            f"trainer {name!r}: there is no program {program!r} to be run; name it with its path"
        )
