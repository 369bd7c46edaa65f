"""Pages of lists that grow, and curves thinned to what a reply can hold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown

T = TypeVar("T")

MAX_LIMIT = 25
"""Rows of one page."""

MAX_POINTS = 40
"""Points of one curve."""


def check_page(limit: int, offset: int, most: int) -> None:
    """Refuses a page that no list has, or of more than so many rows.

    Raises:
        InvalidRequest: it is one.
    """
    if not 1 <= limit <= most:
        raise InvalidRequest(f"limit must be from 1 to {most}, not {shown(limit)}")
    if offset < 0:
        raise InvalidRequest(f"offset must be 0 or more, not {shown(offset)}")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int = 20
    offset: int = 0

    def __post_init__(self) -> None:
        check_page(self.limit, self.offset, MAX_LIMIT)

    def of(self, items: Sequence[T]) -> Sequence[T]:
        return items[self.offset : self.offset + self.limit]

    def after(self, total: int) -> int | None:
        """The offset of the next page; None if this is the last."""
        following = self.offset + self.limit
        return following if following < total else None


FIRST_PAGE = Page()


def how_many_fit(lengths: Iterable[int], room: int) -> int:
    """How many of the first fit into so many characters; one where there is any."""
    fitting = 0
    for length in lengths:
        room -= length
        if room < 0 and fitting:
            break
        fitting += 1
    return fitting


def thinned(items: Sequence[T], most: int = MAX_POINTS) -> list[T]:
    """At most so many of them, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    step = (len(items) - 1) / (most - 1)
    return [items[round(n * step)] for n in range(most)]
