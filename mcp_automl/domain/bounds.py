"""What numbers and names may be asked for, and the refusal of others."""

import math
import re
from enum import Enum
from typing import TypeVar

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown

E = TypeVar("E", bound=Enum)

MAX_TRIALS = 10_000
MAX_EPOCHS = 10_000

NAME = "[A-Za-z0-9._-]{1,64}"
"""What a study or a trainer may be called, as a pattern."""

NAME_IN_WORDS = "1 to 64 letters, digits, dots, dashes or underscores"

VALID_NAME = re.compile(NAME)
"""To be matched against all of a text."""


def check_n_trials(n_trials: int) -> None:
    if not 1 <= n_trials <= MAX_TRIALS:
        raise InvalidRequest(
            f"n_trials must be from 1 to {MAX_TRIALS}, not {shown(n_trials)}; "
            "it is the study's total, finished trials included"
        )


def check_epochs_max(epochs_max: int) -> None:
    if not 1 <= epochs_max <= MAX_EPOCHS:
        raise InvalidRequest(f"epochs_max must be from 1 to {MAX_EPOCHS}, not {shown(epochs_max)}")


def check_dollars(argument: str, usd: float | None) -> None:
    if usd is None or (math.isfinite(usd) and usd > 0):
        return
    raise InvalidRequest(
        f"{argument} must be a positive number of dollars such as 0.50, not {usd}; "
        "leave it out for no ceiling"
    )


def one_of(kind: type[E], word: str | None, argument: str) -> E | None:
    """The member that was meant, in any case and between blanks; None where nothing is said.

    Raises:
        InvalidRequest: there is none.
    """
    said = (word or "").strip().lower()
    known = {str(member.value): member for member in kind}
    if said and said not in known:
        raise InvalidRequest(
            f"{argument} must be one of {', '.join(map(repr, known))}, not {shown(word)}"
        )
    return known[said] if said else None
