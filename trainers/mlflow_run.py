"""The MLflow run of a training, as the calls of MLflow's REST API that logging makes see it.

It knows nothing of how the calls come, and answers those of MLflow 2 and 3. However a training goes
about it, it has one run of one experiment: a run that it creates is this one, unless it is nested;
a nested one can be logged to, and nothing in it is heard. So what autologging finds out is heard,
whether or not the script has a `with mlflow.start_run()` around it.
"""

import json
import math
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from trainers.checkpoints import replace_atomically
from trainers.mlflow_steps import Steps

Told: TypeAlias = Mapping[str, Any]
"""A call's arguments, or what is answered."""

EXPERIMENT = "1"

PARENT = "mlflow.parentRunId"
"""The tag that makes a run a nested one."""

NONSENSE = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What arguments that are not MLflow's lead to."""

LISTS = {"log-metric": "metrics", "log-parameter": "params", "set-tag": "tags"}
"""Calls that log one thing, and where a batch has it."""


class Refused(Exception):
    """A call that is not answered: its status, and MLflow's name for that."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.told: Told = {"error_code": code, "message": message}


class Run:
    """See the top of this file.

    Args:
        steps: hears of its metrics.
        folder: where its artifacts go.
    """

    def __init__(self, *, steps: Steps, folder: Path) -> None:
        self.id = secrets.token_hex(16)
        self._steps = steps
        self._folder = folder
        self._began = _now()
        self._nested: set[str] = set()
        self._models: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, str] = {}
        self._params: dict[str, str] = {}

    def answer(self, call: str, told: Told) -> Told:
        """What MLflow would answer.

        Args:
            call: its path below `/api/2.0/mlflow/`, such as `runs/log-batch`.

        Raises:
            Refused: there is no such call, or it makes no sense.
        """
        try:
            match call.split("/"):
                case ["runs", what]:
                    return self._of_runs(what, told)
                case ["experiments", what]:
                    return self._of_experiments(what, told)
                case ["logged-models"]:
                    return self._created_model(told)
                case ["logged-models", model, *_]:
                    return self._of_model(model, told)
        except NONSENSE as error:
            raise Refused(400, "INVALID_PARAMETER_VALUE", f"{call}: {error!r}") from error
        raise _unknown(call)

    def keep(self) -> None:
        """Leaves a file that tells the parameters and tags that were logged."""
        told = json.dumps({"params": self._params, "tags": self._tags}, indent=2)
        replace_atomically(
            self._folder / "run.json", lambda path: path.write_text(told, encoding="utf-8")
        )

    # --- calls about runs -----------------------------------------------------------------------

    def _of_runs(self, what: str, told: Told) -> Told:
        match what:
            case "create":
                return {"run": self._described(self._created(told))}
            case "search":
                return {"runs": [self._described(self.id)]}
        # Older versions know a run by the second name.
        run = told.get("run_id") or told["run_uuid"]
        if run != self.id and run not in self._nested:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Run '{run}' not found")
        return self._of_run(run, what, told)

    def _of_run(self, run: str, what: str, told: Told) -> Told:
        match what:
            case "get":
                return {"run": self._described(run)}
            case "update":
                return {"run_info": self._info(run)}
            case "log-batch":
                self._log(run, told)
            case "log-metric" | "log-parameter" | "set-tag":
                self._log(run, {LISTS[what]: [told]})
            case "delete-tag" | "log-inputs" | "log-model" | "outputs":
                pass
            case _:
                raise _unknown(f"runs/{what}")
        return {}

    def _created(self, told: Told) -> str:
        if all(tag["key"] != PARENT for tag in told.get("tags") or ()):
            self._log(self.id, {"tags": told.get("tags")})
            return self.id
        nested = secrets.token_hex(16)
        self._nested.add(nested)
        return nested

    def _log(self, run: str, lists: Told) -> None:
        if run == self.id:
            self._steps.log([_metric(it) for it in lists.get("metrics") or ()])
            self._params |= _named(lists.get("params"))
            self._tags |= _named(lists.get("tags"))

    def _described(self, run: str) -> Told:
        if run != self.id:
            return {"info": self._info(run), "data": {}}
        metrics = [
            {"key": name, "value": _plain(value), "timestamp": self._began, "step": step}
            for name, (step, value) in self._steps.latest.items()
        ]
        data = {"metrics": metrics, "params": _pairs(self._params), "tags": _pairs(self._tags)}
        return {"info": self._info(run), "data": data}

    def _info(self, run: str) -> Told:
        return {
            "run_id": run,
            "run_uuid": run,
            "run_name": "trial",
            "experiment_id": EXPERIMENT,
            "user_id": "",
            "status": "RUNNING",
            "start_time": self._began,
            "artifact_uri": self._uri("artifacts" if run == self.id else run),
            "lifecycle_stage": "active",
        }

    # --- calls about what is around a run -------------------------------------------------------

    def _of_experiments(self, what: str, told: Told) -> Told:
        match what:
            case "create":
                return {"experiment_id": EXPERIMENT}
            case "get" | "get-by-name":
                # There is one, whatever the training calls it.
                return {
                    "experiment": {
                        "experiment_id": EXPERIMENT,
                        "name": str(told.get("experiment_name", "mcp-automl")),
                        "artifact_location": self._uri(""),
                        "lifecycle_stage": "active",
                    }
                }
            case "set-experiment-tag" | "delete-experiment-tag":
                return {}
            case _:
                raise _unknown(f"experiments/{what}")

    def _created_model(self, told: Told) -> Told:
        model = f"m-{secrets.token_hex(16)}"
        info = {
            "model_id": model,
            "experiment_id": EXPERIMENT,
            "name": str(told.get("name", "model")),
            "creation_timestamp_ms": _now(),
            "last_updated_timestamp_ms": _now(),
            "artifact_uri": self._uri(f"models/{model}"),
            "status": "LOGGED_MODEL_PENDING",
            "source_run_id": str(told.get("source_run_id", "")),
        }
        self._models[model] = info
        return {"model": {"info": info, "data": {}}}

    def _of_model(self, model: str, told: Told) -> Told:
        if model not in self._models:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Logged model '{model}' not found")
        info = self._models[model]
        info["status"] = str(told.get("status", info["status"]))
        return {"model": {"info": info, "data": {}}}

    def _uri(self, name: str) -> str:
        return (self._folder / name).absolute().as_uri()


def _metric(told: Told) -> tuple[int, str, float]:
    # JSON knows neither infinity nor NaN: MLflow writes them as words.
    return int(told.get("step") or 0), str(told["key"]), float(told["value"])


def _plain(value: float) -> float | str:
    """A number as MLflow reads it from JSON."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _named(pairs: Sequence[Told] | None) -> Mapping[str, str]:
    return {str(it["key"]): str(it.get("value", "")) for it in pairs or ()}


def _pairs(named: Mapping[str, str]) -> list[Told]:
    return [{"key": key, "value": value} for key, value in named.items()]


def _unknown(call: str) -> Refused:
    return Refused(404, "ENDPOINT_NOT_FOUND", f"a training of mcp-automl cannot call {call}")


def _now() -> int:
    return time.time_ns() // 1_000_000
