"""What all structured answers have in common: finite numbers, and texts of others made harmless."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from mcp_automl.domain.paging import how_many_fit
from mcp_automl.domain.space import Value
from mcp_automl.domain.study import TrialState
from mcp_automl.server.words import finite, plain

Scalar = bool | int | float | str | None


MAX_ROWS_CHARACTERS = 5_400
"""About 1,350 tokens of a list, which leaves room for what stands around it."""

M = TypeVar("M", bound=BaseModel)


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


def significant(value: float, digits: int = 5) -> float:
    """A number with so many significant digits, or whole where it has more before the point."""
    return float(round(value)) if abs(value) >= 10**digits else float(f"{value:.{digits}g}")


def rounded(value: float | None, digits: int = 5) -> float | None:
    """The same of what may be missing, or no number."""
    value = finite(value)
    return None if value is None else significant(value, digits)


def fitting(rows: Iterable[M], most: int = MAX_ROWS_CHARACTERS) -> list[M]:
    """As many rows as a reply can hold, from the first on; never none where there is one."""
    made = list(rows)
    return made[: how_many_fit((len(row.model_dump_json()) + 1 for row in made), most)]
