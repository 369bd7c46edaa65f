"""Logs one trained model to MLflow: `python -P -m mcp_automl.trackers.log_model`.

It is a process of its own, because it imports what the trainer trains with, and perhaps a user's
code. Its order is the first line of its stdin, and not an argument: everybody can read arguments,
and the order may hold a password. It ends at the end of its stdin, which its owner holds. Whatever
was done before is not done again, so it may be killed and repeated at any moment.

A `torch` model is exported (`torch.export`, which MLflow calls `pt2`) and a language model is saved
by `transformers` as safetensors: nothing is pickled, and neither needs our code to be loaded.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_automl.trackers.connection import REFUSALS
from mcp_automl.worker.code import Code, load
from trainers.contract import Package

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

AWAY = 75
"""Exit status where MLflow could not be reached: it shall be tried again (EX_TEMPFAIL)."""

NAME = "model"
"""What a run's model is called."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to log, and where."""

    uri: str
    run_id: str
    folder: str
    data_dir: str
    module: str
    options: dict[str, object]
    register: str


class Unusable(Exception):
    """It is not MLflow's fault, and would be no better another time."""


def main(order: Order) -> None:
    import mlflow

    mlflow.set_tracking_uri(order.uri)
    mlflow.set_registry_uri(order.uri)
    client = mlflow.MlflowClient()
    # A model goes into the active experiment, not into its run's, and its files with it.
    place = client.get_run(order.run_id).info.experiment_id
    mlflow.set_experiment(experiment_id=place)
    model = logged(client, order.run_id) or _log(client, order)
    if order.register and not is_registered(client, order.run_id):
        mlflow.register_model(model, order.register)


def logged(client: "MlflowClient", run_id: str) -> str | None:
    """The URI of the model that the run has already, if any.

    MLflow names a model to its run before its files are there: half a model is none.
    """
    whole = (it for it in _models(client, run_id) if str(it.status) == "READY")
    return next((str(it.model_uri) for it in whole), None)


def _models(client: "MlflowClient", run_id: str) -> "list[LoggedModel]":
    place = client.get_run(run_id).info.experiment_id
    return list(client.search_logged_models([place], f"source_run_id = '{run_id}'"))


def _log(client: "MlflowClient", order: Order) -> str:
    """Logs the model and returns its URI.

    Raises:
        Unusable: the trainer offers no more than its files, and registering takes a model.
    """
    for half in _models(client, order.run_id):
        client.delete_logged_model(half.model_id)
    with _for_good():
        trainer = load(Code(module=order.module, options=order.options))
        offers = hasattr(trainer, "package")
        package = trainer.package(Path(order.folder), Path(order.data_dir)) if offers else None
    if package is not None:
        return _log_package(package, order.run_id)
    _log_files(order)
    if order.register:
        raise Unusable("it is not registered: its trainer has no `package`, only a file")
    return ""


@contextmanager
def _for_good() -> Iterator[None]:
    """In here nothing is asked of MLflow: what goes wrong would do so again."""
    try:
        yield
    # The boundary to code of others: whatever it raises is told by the last line.
    except Exception as error:
        raise Unusable(f"{type(error).__name__}: {error}") from error


class _Flavor:
    """One of MLflow's, but it is told apart when saving fails and when sending does."""

    def __init__(self, flavor: Any) -> None:
        self._flavor = flavor
        self.__name__ = flavor.__name__

    def save_model(self, **how: Any) -> None:
        with _for_good():
            self._flavor.save_model(**how)


def _log_files(order: Order) -> None:
    import mlflow

    for file in sorted(Path(order.folder).glob("*.safetensors")):
        mlflow.MlflowClient().log_artifact(order.run_id, str(file), NAME)


def _log_package(package: Package, run_id: str) -> str:
    from mlflow.models import Model

    how = _as_language_model(package) if package.tokenizer is not None else _as_torch(package)
    # Not through the flavour's own `log_model`: that would start the run anew, and end it now.
    return str(Model.log(None, name=NAME, run_id=run_id, **how).model_uri)


def _as_torch(package: Package) -> dict[str, Any]:
    import mlflow.pytorch
    from mlflow.models import infer_signature

    return {
        "flavor": _Flavor(mlflow.pytorch),
        "pytorch_model": package.model,
        "serialization_format": "pt2",
        "input_example": package.example,
        "signature": infer_signature(package.example, package.output),
        "pip_requirements": [_pin("torch")],
    }


def _as_language_model(package: Package) -> dict[str, Any]:
    import mlflow.transformers
    from mlflow.models import infer_signature

    return {
        "flavor": _Flavor(mlflow.transformers),
        "transformers_model": {"model": package.model, "tokenizer": package.tokenizer},
        "task": "text-generation",
        "input_example": package.example,
        "signature": infer_signature(package.example, package.example),
        "pip_requirements": [_pin("torch"), _pin("transformers")],
    }


def _pin(name: str) -> str:
    from importlib.metadata import version

    return f"{name}=={version(name).partition('+')[0]}"


def is_registered(client: "MlflowClient", run_id: str) -> bool:
    """Whether that run's model is."""
    return bool(client.search_model_versions(f"run_id = '{run_id}'"))


def _end_with_owner() -> None:
    # Not through `sys.stdin`, whose lock would be held when the interpreter ends.
    os.read(0, 1)
    os._exit(1)


def status(order: Order) -> int:
    """Logs the model; returns what the process exits with."""
    from mlflow.exceptions import MlflowException

    try:
        main(order)
    except (MlflowException, OSError) as error:
        logger.exception("%s could not be logged", order.folder)
        return 1 if getattr(error, "error_code", "") in REFUSALS else AWAY
    except Unusable:
        logger.exception("%s could not be logged", order.folder)
        return 1
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    given = Order(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_owner, daemon=True).start()
    code = status(given)
    sys.stderr.flush()
    # No teardown of libraries that have threads of their own.
    os._exit(code)
