"""Logs one trained model to MLflow: `python -P -m mcp_automl.trackers.log_model ORDER`.

It is a process of its own, because it imports what the trainer trains with, and perhaps a user's
code. It ends at the end of its stdin, which its owner holds. Whatever was done before is not done
again, so it may be killed and repeated at any moment.

A `torch` model is exported (`torch.export`, which MLflow calls `pt2`) and a language model is saved
by `transformers` as safetensors: nothing is pickled, and neither needs our code to be loaded.
"""

import json
import logging
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_automl.trackers.connection import REFUSALS
from mcp_automl.worker.code import Code, load
from trainers.contract import Package

if TYPE_CHECKING:
    from mlflow import MlflowClient

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


def main(order: Order) -> None:
    import mlflow

    mlflow.set_tracking_uri(order.uri)
    mlflow.set_registry_uri(order.uri)
    client = mlflow.MlflowClient()
    model = logged(client, order.run_id) or _log(order)
    if order.register and model is not None and not is_registered(client, order.run_id):
        mlflow.register_model(model, order.register)


def logged(client: "MlflowClient", run_id: str) -> str | None:
    """The URI of the model that the run has already, if any."""
    outputs = client.get_run(run_id).outputs
    found = outputs.model_outputs if outputs is not None else ()
    return next((f"models:/{model.model_id}" for model in found), None)


def _log(order: Order) -> str | None:
    """Logs the model and returns its URI; the files alone where the trainer offers no more."""
    trainer = load(Code(module=order.module, options=order.options))
    if not hasattr(trainer, "package"):
        _log_files(order)
        return None
    return _log_package(trainer.package(Path(order.folder), Path(order.data_dir)), order.run_id)


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
        "flavor": mlflow.pytorch,
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
        "flavor": mlflow.transformers,
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


def _status(order: Order) -> int:
    from mlflow.exceptions import MlflowException

    try:
        main(order)
    except (MlflowException, OSError) as error:
        logger.exception("%s could not be logged", order.folder)
        refused = getattr(error, "error_code", "") in REFUSALS
        return 1 if refused or isinstance(error, FileNotFoundError) else AWAY
    # The boundary to code of others: whatever it raises is told by the last line.
    except Exception:
        logger.exception("%s could not be logged", order.folder)
        return 1
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    threading.Thread(target=_end_with_owner, daemon=True).start()
    status = _status(Order(**json.loads(sys.argv[1])))
    sys.stderr.flush()
    # No teardown of libraries that have threads of their own.
    os._exit(status)
