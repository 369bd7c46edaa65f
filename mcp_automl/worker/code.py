"""A trainer's code, found and imported: only here, in a process that trains."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from trainers.contract import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where a trainer is."""

    module: str
    """To be imported: `trainers.mnist`; or a file that ends in `.py`."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What the module's `bind` makes the trainer of; empty for a module that is the trainer."""


def load(code: Code) -> Any:
    """What has the trainer's `Config`, `train` and perhaps `prepare`."""
    module = imported(code.module)
    return module.bind(**code.options) if code.options else module


def imported(module: str) -> ModuleType:
    """The module of that name, or that file as a module."""
    return _from_file(Path(module)) if module.endswith(".py") else importlib.import_module(module)


def configuration(trainer: Any, params: Mapping[str, Value]) -> object:
    """The trainer's `Config`; without one, a namespace of the parameters it declares."""
    if hasattr(trainer, "Config"):
        return trainer.Config(**params)
    defaults = {parameter.name: parameter.default for parameter in trainer.SPEC.parameters}
    return SimpleNamespace(**{**defaults, **params})


def _from_file(file: Path) -> ModuleType:
    # Not by its own name: it may be called like something that others import.
    name = f"mcp_automl_own_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # What lies beside it can be imported, but nothing there can take the place of anything else.
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
