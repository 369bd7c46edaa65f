"""The MLflow run of a training: what is logged into it becomes the metrics of epochs.

It answers the calls of MLflow's REST API that logging makes, whichever version makes them, and knows
nothing of how they come. Whatever a training logs, it is one run of one experiment: a run that it
creates is this one, unless it is nested, and then nothing in it is heard.

A step is a number that the framework counts by, from 0 or 1, in epochs or batches. The objective at
a later step than all before is a new epoch; with it go the metrics last logged for that very step.
"""

import json
import logging
import math
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

from trainers.checkpoints import replace_atomically

Told: TypeAlias = Mapping[str, Any]
"""A call's arguments, or what is answered."""

EXPERIMENT = "1"

PARENT = "mlflow.parentRunId"
"""The tag that makes a run a nested one."""

SHOWN = 10
"""Metrics that are named where the objective is missing."""

logger = logging.getLogger(__name__)


class Refused(Exception):
    """A call that is not answered: its status, and MLflow's name for that."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.told: Told = {"error_code": code, "message": message}


class Run:
    """See the top of this file.

    Args:
        objective: the metric whose steps are epochs.
        folder: where its artifacts go.
        step: the last one that an earlier attempt has measured.
    """

    def __init__(self, *, objective: str, folder: Path, step: int | None = None) -> None:
        self.id = secrets.token_hex(16)
        self.step = step
        """The last one at which the objective was measured."""
        self._objective = objective
        self._folder = folder
        self._began = _now()
        self._nested: set[str] = set()
        self._models: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, str] = {}
        self._params: dict[str, str] = {}
        self._logged: list[tuple[int, str, float]] = []
        """What `epochs` has not seen yet: step, name, value."""
        self._latest: dict[str, tuple[int, float]] = {}
        self._was_repeated = False

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
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(400, "INVALID_PARAMETER_VALUE", f"{call}: {error!r}") from error
        raise _unknown(call)

    def epochs(self) -> Iterator[dict[str, float]]:
        """The metrics of each epoch that has ended since it was last asked."""
        logged, self._logged = sorted(self._logged, key=itemgetter(0)), []
        for step, metrics in groupby(logged, key=itemgetter(0)):
            named = {name: value for _, name, value in metrics}
            self._latest |= {name: (step, value) for name, value in named.items()}
            if self._objective in named and self._is_new(step):
                self.step = step
                yield {name: value for name, (at, value) in self._latest.items() if at == step}

    def silence(self) -> str:
        """What there was in place of the objective."""
        names = sorted(self._latest)
        heard = ", ".join(repr(name) for name in names[:SHOWN]) or "nothing"
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"logged no metric {self._objective!r} into the run of MLflow, but {heard}{more}"

    def keep(self) -> None:
        """Leaves a file that tells the parameters and tags that were logged."""
        told = json.dumps({"params": self._params, "tags": self._tags}, indent=2)
        replace_atomically(
            self._folder / "run.json", lambda path: path.write_text(told, encoding="utf-8")
        )

    def _is_new(self, step: int) -> bool:
        if self.step is None or step > self.step:
            return True
        if not self._was_repeated:
            self._was_repeated = True
            logger.warning(
                "%s was logged for step %d, but it is known for step %d: such values are left out; "
                "log each epoch's with a greater `step`",
                *(self._objective, step, self.step),
            )
        return False

    # --- calls about runs -----------------------------------------------------------------------

    def _of_runs(self, what: str, told: Told) -> Told:
        if what == "create":
            return {"run": self._described(self._created(told))}
        run = told.get("run_id") or told.get("run_uuid")
        if run != self.id and run not in self._nested:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Run '{run}' not found")
        match what:
            case "get":
                return {"run": self._described(run)}
            case "update":
                return {"run_info": self._info(run)}
            case "log-metric":
                self._log(run, metrics=[told])
            case "log-parameter":
                self._log(run, params=[told])
            case "set-tag":
                self._log(run, tags=[told])
            case "log-batch":
                lists = ("metrics", "params", "tags")
                self._log(run, **{name: told.get(name) or [] for name in lists})
            case "delete-tag" | "log-inputs" | "log-model" | "outputs":
                pass
            case _:
                raise _unknown(f"runs/{what}")
        return {}

    def _created(self, told: Told) -> str:
        tags = told.get("tags") or []
        if all(tag["key"] != PARENT for tag in tags):
            self._log(self.id, tags=tags)
            return self.id
        nested = secrets.token_hex(16)
        self._nested.add(nested)
        return nested

    def _log(
        self,
        run: str,
        *,
        metrics: Sequence[Told] = (),
        params: Sequence[Told] = (),
        tags: Sequence[Told] = (),
    ) -> None:
        if run == self.id:
            self._logged += [_metric(metric) for metric in metrics]
            self._params |= {it["key"]: it.get("value", "") for it in params}
            self._tags |= {it["key"]: it.get("value", "") for it in tags}

    def _described(self, run: str) -> Told:
        if run != self.id:
            return {"info": self._info(run), "data": {}}
        metrics = [
            {"key": name, "value": _plain(value), "timestamp": self._began, "step": step}
            for name, (step, value) in self._latest.items()
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
                        "name": told.get("experiment_name", "mcp-automl"),
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
            "name": told.get("name", "model"),
            "creation_timestamp_ms": _now(),
            "last_updated_timestamp_ms": _now(),
            "artifact_uri": self._uri(f"models/{model}"),
            "status": "LOGGED_MODEL_PENDING",
            "source_run_id": told.get("source_run_id", ""),
        }
        self._models[model] = info
        return {"model": {"info": info, "data": {}}}

    def _of_model(self, model: str, told: Told) -> Told:
        if model not in self._models:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Logged model '{model}' not found")
        info = self._models[model]
        info["status"] = told.get("status", info["status"])
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


def _pairs(named: Mapping[str, str]) -> list[Told]:
    return [{"key": key, "value": value} for key, value in named.items()]


def _unknown(call: str) -> Refused:
    return Refused(404, "ENDPOINT_NOT_FOUND", f"a training of mcp-automl cannot call {call}")


def _now() -> int:
    return time.time_ns() // 1_000_000
