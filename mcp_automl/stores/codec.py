"""Domain values as JSON in the database, and back. What was once written must stay readable."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TypeAlias, assert_never

from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.space import (
    Categorical,
    Condition,
    Float,
    Int,
    Parameter,
    Params,
    SearchSpace,
    Value,
)
from mcp_automl.domain.study import Objective, StudyConfig
from mcp_automl.domain.tracking import EntryKind, Publication, TrackingEntry
from mcp_automl.domain.training_job import Priority, TrainingJob

Json: TypeAlias = "str | int | float | bool | None | list[Json] | dict[str, Json]"


def dump_spec(config: StudyConfig) -> str:
    """What of a study never changes once it is created, beside its name, model and owner."""
    return json.dumps(
        {
            "objectives": [{"name": o.name, "maximize": o.maximize} for o in config.objectives],
            "space": {name: _parameter(p) for name, p in config.space.parameters.items()},
            "when": {
                name: {other: list(values) for other, values in condition.items()}
                for name, condition in config.space.when.items()
            },
            "constants": dict(config.constants),
            "default": dict(config.default),
            "epochs_max": config.epochs_max,
            "seed": config.seed,
            **({} if config.job is None else {"job": _job(config.job)}),
        },
        allow_nan=False,
    )


def load_config(
    spec: str, *, name: str, model: str, n_trials: int, cost_budget_usd: float | None,
    owner: str,
    max_cost_per_trial_usd: float | None = None,
    sampler: Sampler = Sampler.TPE, pruner: Pruner = Pruner.MEDIAN,
) -> StudyConfig:  # fmt: skip
    """The configuration that `dump_spec` has stored, with what is stored beside it."""
    loaded = json.loads(spec)
    return StudyConfig(
        name=name,
        model=model,
        objectives=tuple(Objective(**objective) for objective in loaded["objectives"]),
        space=SearchSpace(
            {key: _load_parameter(p) for key, p in loaded["space"].items()},
            # Studies of version 0.1.0 had neither conditions nor constants.
            {name: _load_condition(c) for name, c in loaded.get("when", {}).items()},
        ),
        constants=loaded.get("constants", {}),
        default=loaded["default"],
        n_trials=n_trials,
        epochs_max=loaded["epochs_max"],
        cost_budget_usd=cost_budget_usd,
        max_cost_per_trial_usd=max_cost_per_trial_usd,
        sampler=sampler,
        pruner=pruner,
        seed=loaded["seed"],
        owner=owner,
        job=_load_job(loaded["job"]) if "job" in loaded else None,
    )


def _job(job: TrainingJob) -> dict[str, object]:
    return {
        "points": [dict(point) for point in job.points],
        "seeds": list(job.seeds),
        "priority": job.priority.value,
        "final": job.final,
        "run_name": job.run_name,
        "register": job.register,
        "of_study": job.of_study,
        "of_study_id": job.of_study_id,
    }


def _load_job(loaded: dict[str, Any]) -> TrainingJob:
    return TrainingJob(
        points=tuple(loaded["points"]),
        seeds=tuple(loaded["seeds"]),
        priority=Priority(loaded["priority"]),
        final=loaded["final"],
        run_name=loaded["run_name"],
        register=loaded["register"],
        of_study=loaded["of_study"],
        of_study_id=loaded.get("of_study_id"),
    )


def _parameter(parameter: Parameter) -> Json:
    match parameter:
        case Float(low=low, high=high, log=log):
            return {"kind": "float", "low": low, "high": high, "log": log}
        case Int(low=low, high=high, step=step, log=log):
            return {"kind": "int", "low": low, "high": high, "step": step, "log": log}
        case Categorical(choices=choices):
            return {"kind": "categorical", "choices": list(choices)}
        case _:
            assert_never(parameter)


def _load_parameter(loaded: dict[str, Json]) -> Parameter:
    # The fields were written from a valid parameter; the constructors check them again.
    fields: dict[str, object] = {k: v for k, v in loaded.items() if k != "kind"}
    match loaded["kind"]:
        case "float":
            return Float(**fields)  # type: ignore[arg-type]
        case "int":
            return Int(**fields)  # type: ignore[arg-type]
        case "categorical":
            choices = loaded["choices"]
            assert isinstance(choices, list)
            return Categorical(choices=tuple(_value(choice) for choice in choices))
        case kind:
            raise ValueError(f"unknown kind of parameter: {kind}")


def _load_condition(loaded: dict[str, list[Json]]) -> Condition:
    return {name: tuple(_value(value) for value in values) for name, values in loaded.items()}


def load_distribution(text: str) -> Parameter:
    """An Optuna distribution as a parameter; the step of a float is dropped.

    Raises:
        InvalidRequest: it has no counterpart here, such as two choices that are equal in Python.
    """
    loaded = json.loads(text)
    at = loaded["attributes"]
    match loaded["name"]:
        case "CategoricalDistribution":
            choices = tuple(_value(choice) for choice in at["choices"])
            return Categorical(choices=choices)
        case "IntDistribution":
            step = 1 if at["log"] else at["step"]
            return Int(low=at["low"], high=at["high"], step=step, log=at["log"])
        case "IntUniformDistribution" | "IntLogUniformDistribution":
            return Int(low=at["low"], high=at["high"])
        case _:
            return Float(low=at["low"], high=at["high"], log=bool(at.get("log", False)))


def load_param(stored: float, distribution: str) -> Value:
    """One parameter's value from Optuna's number for it, which for a choice is its index."""
    loaded = _distribution(distribution)
    if loaded["name"] == "CategoricalDistribution":
        return _value(loaded["attributes"]["choices"][int(stored)])
    return int(stored) if loaded["name"].startswith("Int") else stored


@lru_cache(maxsize=256)
def _distribution(text: str) -> Mapping[str, Any]:
    # A study has as many as parameters, and writes them beside every value.
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def _value(loaded: Json) -> Value:
    return loaded if loaded is None or isinstance(loaded, str | int | float) else str(loaded)


def dump_params(params: Params) -> str:
    return json.dumps(dict(params), allow_nan=False)


def load_params(text: str) -> dict[str, Value]:
    return {name: _value(value) for name, value in json.loads(text).items()}


def dump_metrics(metrics: Mapping[str, float]) -> str:
    """Metrics, with null for what is not finite: NaN is no JSON."""
    finite = {k: float(v) if math.isfinite(v) else None for k, v in metrics.items()}
    return json.dumps(finite, allow_nan=False)


def load_metrics(text: str) -> dict[str, float]:
    """Metrics, with NaN for null."""
    return {k: math.nan if v is None else float(v) for k, v in json.loads(text).items()}


def dump_entry(entry: TrackingEntry) -> str:
    return json.dumps(
        {
            "kind": entry.kind.value,
            "study": entry.study,
            "model": entry.model,
            "at": entry.at,
            "trial": entry.trial,
            "params": dict(entry.params),
            "tags": dict(entry.tags),
            "metrics": dump_metrics(entry.metrics),
            "epoch": entry.epoch,
            "state": entry.state,
            **({} if entry.publication is None else {"publication": asdict(entry.publication)}),
        },
        allow_nan=False,
    )


def load_entry(text: str) -> TrackingEntry:
    loaded = json.loads(text)
    loaded["kind"] = EntryKind(loaded["kind"])
    loaded["metrics"] = load_metrics(loaded["metrics"])
    if "publication" in loaded:
        loaded["publication"] = Publication(**loaded["publication"])
    return TrackingEntry(**loaded)
