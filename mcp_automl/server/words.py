"""Values in words: numbers, times and money, and other people's text made harmless.

Names, reasons and values may come from a trainer, a data set or another tool's database. What is
shown of them is one line, cut, and free of control characters, so that it can pretend nothing.
"""

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from mcp_automl.domain.space import Value

MAX_TEXT = 200
"""Characters that are shown of a text that somebody else wrote."""

MAX_NOTE = 700
"""Characters of a note: what an answer says besides what it was asked for."""

MAX_NOTES = 3
"""Notes in a text; the structured answer has all."""


LEAST_DOLLARS = 0.0001
"""A sum below this is told to be below it."""


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """One line of at most `limit` visible characters."""
    # Twice as much as is shown is looked at: a log of megabytes may stand here.
    visible = (_visible(character) for character in text[: 2 * limit])
    line = " ".join("".join(visible).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _visible(character: str) -> str:
    return " " if unicodedata.category(character)[0] in "CZ" else character


def plain_notes(notes: Sequence[str]) -> list[str]:
    return [plain(note, MAX_NOTE) for note in notes]


def note_lines(notes: Sequence[str]) -> list[str]:
    return [f"Note: {note}" for note in plain_notes(notes[:MAX_NOTES])]


def quoted(text: str) -> str:
    """A text as an argument of a tool call is written."""
    return json.dumps(plain(text), ensure_ascii=False)


def score(value: float | None) -> str:
    """A metric with four or five significant digits, such as `0.9847`."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.4f}" if 0.1 <= abs(value) < 10 else f"{value:.5g}"


def exact(value: Value) -> str:
    """A parameter such that reading it back gives the same value."""
    return plain(value) if isinstance(value, str) else repr(value)


def literal(value: Value) -> str:
    """A parameter as an argument of a tool call is written."""
    # Whole, because cut it would be another value; JSON escapes what is not visible.
    return json.dumps(value) if isinstance(value, str) else repr(value)


def assignments(params: Mapping[str, Value], limit: int = 8) -> str:
    """Parameters in one short line, such as `lr=0.001547, batch_size=128`."""
    shown = [f"{plain(name, 40)}={exact(value)}" for name, value in list(params.items())[:limit]]
    more = f" and {len(params) - limit} more" if len(params) > limit else ""
    return plain(", ".join(shown) + more)


def dollars(amount: float) -> str:
    """Money: cents, or ten-thousandths of a dollar where cents would hide it."""
    if 0 < amount < LEAST_DOLLARS:
        return f"under ${LEAST_DOLLARS}"
    return f"${amount:.4f}" if 0 < amount < 0.1 else f"${amount:.2f}"


def duration(seconds: float) -> str:
    """A time span with its two largest units, such as `3 min 12 s`."""
    whole = max(0, round(seconds))
    minutes, s = divmod(whole, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days} d {h} h"
    if hours:
        return f"{hours} h {m} min"
    return f"{minutes} min {s} s" if minutes else f"{s} s"


def moment(seconds: float | None) -> str | None:
    """A point in time as ISO 8601 in UTC."""
    if seconds is None or not math.isfinite(seconds):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity: None stands for them."""
    return value if value is not None and math.isfinite(value) else None
