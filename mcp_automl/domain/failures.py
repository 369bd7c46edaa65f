"""When failing trials show that a study cannot go on."""

import re
from collections.abc import Sequence

MAX_FAILURES = 5
"""FAILs in a row with the same reason that end a study as FAILED."""


def common_reason(failures: Sequence[str]) -> str | None:
    """The latest reason, if so many trials in a row have failed for it that the study must end."""
    latest = failures[-MAX_FAILURES:]
    if len(latest) < MAX_FAILURES or len({_kind(reason) for reason in latest}) > 1:
        return None
    return latest[-1]


def common_failure(failures: Sequence[str], *, replaced: bool = True) -> str | None:
    """Why the study must end, if it must.

    Args:
        replaced: whether another trial takes the place of one that failed.
    """
    if not replaced:
        return failures[-1] if failures else None
    common = common_reason(failures)
    return None if common is None else f"{MAX_FAILURES} trials in a row failed: {common}"


def second_chance(failures: Sequence[str], max_parallel: int) -> list[str]:
    """What still counts when a study is asked for again: one that failed shall not end at once.

    Each time that so many had failed alike the study ended, together with what was in flight then,
    and was asked for again.
    """
    counting: list[str] = []
    in_flight = 0
    for reason in failures:
        if in_flight:
            in_flight -= 1
            continue
        counting.append(reason)
        if common_reason(counting) is not None:
            counting.clear()
            in_flight = max_parallel - 1
    return counting


def _kind(reason: str) -> str:
    """A reason without its numbers: failures that differ only in these have one cause."""
    return re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "#", reason)
