"""What all structured answers have in common: finite numbers, and texts of others made harmless."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from mcp_automl.domain.space import Value
from mcp_automl.domain.study import TrialState
from mcp_automl.server.words import finite, plain

Scalar = bool | int | float | str | None


class Model(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


def scalars(params: Mapping[str, Value]) -> dict[str, Scalar]:
    return {plain(name, 40): scalar(value) for name, value in params.items()}


def scalar(value: Value) -> Scalar:
    if isinstance(value, str):
        return plain(value)
    return finite(value) if isinstance(value, float) else value


def counts(counts: Mapping[TrialState, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in TrialState}


def rounded(value: float | None, digits: int = 6) -> float | None:
    finite_value = finite(value)
    return None if finite_value is None else round(finite_value, digits)
