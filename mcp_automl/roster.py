"""The operator's own trainers: the tables `[trainers.NAME]` of `mcp_automl.toml`, and packages.

A package that is installed beside this one offers trainers by the entry point group
`mcp_automl.trainers`: a name, and the module that has `SPEC` and `train`.

One table that is wrong takes nothing else along: its trainer is listed with what is wrong with it.
The file is read anew each time, so that whoever writes a table need not restart anything.
"""

import os
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import ValidationError

from mcp_automl.catalog import Catalog, Own
from mcp_automl.declarations import Declarations
from mcp_automl.domain.bounds import NAME_IN_WORDS, VALID_NAME
from mcp_automl.domain.errors import InvalidSettings, TrainerUnavailable
from mcp_automl.settings import config_file
from mcp_automl.trainer_tables import CommandTable, FileTable, Limited
from trainers import contract
from trainers.specs import BUILT_IN

GROUP = "mcp_automl.trainers"
BUILT_IN_NAMES = frozenset(spec.name for spec in BUILT_IN)
MAX_PROBLEMS = 3


def own_trainers(declarations: Declarations) -> Mapping[str, Own]:
    """All that the operator's file names, and installed packages offer, by name.

    Raises:
        InvalidSettings: the file cannot be read.
    """
    file = config_file()
    installed = {
        _listed(name): _own(name, module, file, declarations)
        for name, module in _installed(tuple(sys.path)).items()
    }
    named = {_listed(n): _own(n, table, file, declarations) for n, table in _tables(file).items()}
    return {**installed, **named}


@cache
def _installed(path: tuple[str, ...]) -> Mapping[str, str]:
    """Modules of installed packages by their trainers' names; reading them all takes a while."""
    return {found.name: found.module for found in entry_points(group=GROUP)}


def _tables(file: Path) -> Mapping[str, object]:
    try:
        loaded = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"the settings in {file} cannot be read: {error}") from error
    tables = loaded.get("trainers", {})
    if not isinstance(tables, dict):
        raise InvalidSettings(f"{file}: trainers is no table; write [trainers.NAME]")
    return tables


def _listed(name: str) -> str:
    # What is wrong with it shall be seen, and the built-in trainer be used.
    return f"own {name}" if name.lower() in BUILT_IN_NAMES else name


def _own(name: str, table: object, file: Path, declarations: Declarations) -> Own:
    """The trainer that a table describes, or that is in a module."""
    try:
        _check_name(name)
        if isinstance(table, str):
            return _of_code(name, table, Limited(), declarations)
        if isinstance(table, dict) and "file" in table:
            limited = FileTable.model_validate(table)
            code = file.absolute().parent / Path(limited.file).expanduser()
            return _of_code(name, str(code), limited, declarations)
        return _of_command(name, CommandTable.model_validate(table), file.absolute().parent)
    except ValidationError as error:
        problem = "; ".join(_problems(error))
    except ValueError as error:
        problem = str(error)
    return _broken(f"trainer {name[:64]!r} in {file} cannot be used: {problem}")


def _check_name(name: str) -> None:
    if VALID_NAME.fullmatch(name) is None:
        raise ValueError(f"its name must be {NAME_IN_WORDS}")
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


def _of_command(name: str, table: CommandTable, beside: Path) -> Own:
    folder = beside / Path(table.folder).expanduser()

    spec = table.spec(name)
    # A range or choices that cannot be searched are found out here, not by a study.
    Catalog([spec]).declaration(name)

    def read() -> contract.TrainerSpec:
        _check_there(name, table.command[0], folder)
        return spec

    return Own(
        read=read,
        module="trainers.command",
        options={
            "command": table.command,
            "folder": str(folder),
            "objective": table.objective,
            "final_objective": table.final_objective,
            "measurements": table.measurements,
        },
    )


def _of_code(name: str, module: str, limited: Limited, declarations: Declarations) -> Own:
    def read() -> contract.TrainerSpec:
        try:
            spec = limited.applied_to(replace(declarations.of(module), name=name))
            Catalog([spec]).declaration(name)
        except TrainerUnavailable as error:
            raise TrainerUnavailable(f"trainer {name!r}: {error}") from error
        except ValueError as error:
            raise TrainerUnavailable(f"trainer {name!r}: {module}: {error}") from error
        return spec

    return Own(read=read, module=module)


def _check_there(name: str, program: str, folder: Path) -> None:
    if not folder.is_dir():
        raise TrainerUnavailable(f"trainer {name!r}: its folder {folder} is not there")
    here = os.path.join(folder, program) if os.sep in program else program
    if shutil.which(here) is None and program not in ("python", "python3"):
        raise TrainerUnavailable(
            f"trainer {name!r}: there is no program {program!r} to be run; name it with its path"
        )
