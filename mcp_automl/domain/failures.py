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


def common_failure(failures: Sequence[str]) -> str | None:
    """Why the study must end, if it must."""
    common = common_reason(failures)
    return None if common is None else f"{MAX_FAILURES} trials in a row failed: {common}"


def second_chance(failures: Sequence[str]) -> list[str]:
    """What still counts when a study is asked for again: one that failed shall not end at once."""
    return [] if common_reason(failures) is not None else list(failures)


def _kind(reason: str) -> str:
    """A reason without its numbers: failures that differ only in these have one cause."""
    return re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "#", reason)
