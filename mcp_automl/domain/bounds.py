"""What numbers a study may be asked for, and the refusal of others."""

import math
import re

from mcp_automl.domain.errors import InvalidRequest

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
            f"n_trials must be from 1 to {MAX_TRIALS}, not {n_trials}; "
            "it is the study's total, finished trials included"
        )


def check_epochs_max(epochs_max: int) -> None:
    if not 1 <= epochs_max <= MAX_EPOCHS:
        raise InvalidRequest(f"epochs_max must be from 1 to {MAX_EPOCHS}, not {epochs_max}")


def check_dollars(argument: str, usd: float | None) -> None:
    if usd is None or (math.isfinite(usd) and usd > 0):
        return
    raise InvalidRequest(
        f"{argument} must be a positive number of dollars such as 0.50, not {usd}; "
        "leave it out for no ceiling"
    )
