"""What is to be expected of a running study, from what has been."""

from collections.abc import Sequence

LOOKS = 3
"""How often a study that lasts is worth looking at before its end."""


def remaining_seconds(
    *, missing: int, finished_seconds: Sequence[float], parallel: int
) -> float | None:
    """Seconds until `missing` more trials are done if they take as long as the latest ones did.

    None while nothing has been measured.
    """
    if not finished_seconds:
        return None
    mean = sum(finished_seconds) / len(finished_seconds)
    return max(0, missing) * mean / max(1, min(parallel, missing))


def next_look_seconds(remaining: float | None) -> int:
    """Seconds after which a look is worth its tokens: from 5 to 60, and 10 while nobody knows."""
    return 10 if remaining is None else round(min(60.0, max(5.0, remaining / LOOKS)))
