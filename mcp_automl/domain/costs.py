"""What was spent, in sums: by study, by model, by day or by owner.

A job counts whole where it began: on its first day, even if it trained past midnight, and from a
moment on only if it began then or later. Days are those of this machine's own clock on the wall.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum

from mcp_automl.domain.bounds import one_of
from mcp_automl.domain.errors import InvalidRequest

MAX_ROWS = 20
"""How many sums are told apart; the others are added up."""

YEARS = range(2000, 9999)
"""Where a moment may lie: time zones lead out of the calendar from its very last year."""

MARK = " (deleted)"
"""Follows a deleted study's name, under which its jobs still count."""

_DAYS = re.compile(r"(\d{1,4})d")


class GroupBy(Enum):
    """What sums are made by; the values are the words of requests."""

    STUDY = "study"
    MODEL = "model"
    DAY = "day"
    OWNER = "owner"

    @classmethod
    def of(cls, word: str | None) -> "GroupBy":
        """The member of that word; by study where none is named. Raises InvalidRequest."""
        return one_of(cls, word, "group_by") or cls.STUDY


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What some jobs have cost."""

    key: str
    """Whose: a study's name, a model, a day such as `2026-11-24`, an owner."""
    cost_usd: float = 0.0
    slot_s: float = 0.0
    """Seconds for which slots were held."""
    jobs: int = 0
    running: int = 0
    """Those of the jobs that have not ended; they are counted up to their last sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """The ledger in a few lines that add up to its total."""

    group_by: GroupBy
    since: float | None
    """Seconds since the epoch; None for all that was ever spent."""
    rows: tuple[Spent, ...]
    """The dearest first; days the newest first."""
    others: Spent | None
    """All that have no row of their own, in one; None where there are none."""
    hidden: int
    """How many those are."""
    total: Spent


def added(parts: Iterable[Spent], key: str) -> Spent:
    """Several sums as one."""
    parts = list(parts)
    return Spent(
        key=key,
        cost_usd=math.fsum(part.cost_usd for part in parts),
        slot_s=math.fsum(part.slot_s for part in parts),
        jobs=sum(part.jobs for part in parts),
        running=sum(part.running for part in parts),
    )


def report(parts: Iterable[Spent], group_by: GroupBy, since: float | None) -> CostReport:
    """The report over sums of which several may have the same key."""
    by_key: dict[str, list[Spent]] = {}
    for part in parts:
        by_key.setdefault(part.key, []).append(part)
    sums = [added(same, key) for key, same in sorted(by_key.items(), reverse=True)]
    if group_by is not GroupBy.DAY:
        sums.sort(key=lambda it: (-it.cost_usd, it.key))
    rest = sums[MAX_ROWS:]
    return CostReport(
        group_by=group_by,
        since=since,
        rows=tuple(sums[:MAX_ROWS]),
        others=added(rest, "others") if rest else None,
        hidden=len(rest),
        total=added(sums, "total"),
    )


def beginning(since: str, now: datetime) -> datetime:
    """The moment that `since` means: a date, a date with a time, or `7d`.

    A date means its midnight, and `7d` midnight seven days ago. What names no zone is local time,
    and so is `now`, which names none either.

    Raises:
        InvalidRequest: it is none of these, or lies before the year 2000.
    """
    text = since.strip()
    if days := _DAYS.fullmatch(text.lower()):
        return datetime.combine(now - timedelta(days=int(days[1])), time.min)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_moment(since) from None
    if moment.year not in YEARS:
        raise _no_moment(since)
    return moment


def check_past(since: str, moment: float, now: float) -> None:
    if moment > now:
        raise InvalidRequest(f"since must lie in the past, and {since[:40]!r} does not")


def _no_moment(since: str) -> InvalidRequest:
    return InvalidRequest(
        "since must be a date such as 2026-11-24, a date with a time such as 2026-11-24T08:30, or "
        f"a number of days such as 7d, not {since[:40]!r}"
    )
