"""Numbers, values and names as they stand in pictures and sentences: short, and never cut mid-way.

What others have named is only shortened here; whoever shows it makes it harmless.
"""

import math
from collections.abc import Callable, Iterable

from mcp_automl.domain.space import Value


def figure(value: float) -> str:
    """A metric with four significant digits, such as `0.9847`."""
    return f"{value:.4f}" if 0.1 <= abs(value) < 10 else f"{value:.4g}"


def setting(value: Value, limit: int = 24) -> str:
    """A parameter's value, floats with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else cut(str(value), limit)


def shown(value: object) -> str:
    """What somebody wrote, for an error that names it."""
    try:
        text = repr(value)
    except ValueError:
        # Python writes no integer of thousands of digits.
        return "a number of too many digits"
    return cut(text, 60)


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut_within(text: str, limit: int) -> str:
    """The text with its end, which tells names in a row apart."""
    if len(text) <= limit:
        return text
    end = limit // 2
    return f"{text[: limit - 1 - end]}…{text[-end:]}"


def several(n: int, noun: str) -> str:
    """Such as `1 trial` or `1,000 trials`."""
    return f"1 {noun}" if n == 1 else f"{n:,} {noun}s"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def listed(words: Iterable[str]) -> str:
    """Such as `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def outward(low: float, high: float) -> tuple[float, float]:
    """The range with bounds of two significant digits, never smaller than it was."""
    return _whole(low, math.floor), _whole(high, math.ceil)


def _whole(value: float, rounded: Callable[[float], int]) -> float:
    if value == 0:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    # What is whole but for the last bits stays; text is exact where a power of ten is not.
    shifted = round(value * 10.0**digits, 9)
    return float(f"{rounded(shifted)}e{-digits}")
