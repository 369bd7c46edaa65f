from datetime import datetime

import pytest

from mcp_automl.domain.costs import (
    MAX_ROWS,
    GroupBy,
    Spent,
    beginning,
    check_past,
    report,
)
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.savings import PrunedTrial, Savings, savings

NOW = datetime(2026, 11, 24, 17, 30, 5)


def spent(key: str, cost_usd: float, *, running: int = 0) -> Spent:
    return Spent(key=key, cost_usd=cost_usd, slot_s=10.0, jobs=2, running=running)


# --- sums --------------------------------------------------------------------------------------


def test_the_dearest_come_first_and_equals_by_name() -> None:
    parts = [spent("b", 0.1), spent("a", 0.1), spent("c", 0.2)]

    told = report(parts, GroupBy.MODEL, None)

    assert [row.key for row in told.rows] == ["c", "a", "b"]
    assert (told.others, told.hidden) == (None, 0)


def test_days_come_newest_first_whatever_they_cost() -> None:
    parts = [spent("2026-11-23", 0.1), spent("2026-11-24", 0.0), spent("2026-10-31", 9.0)]

    told = report(parts, GroupBy.DAY, 7.0)

    assert [row.key for row in told.rows] == ["2026-11-24", "2026-11-23", "2026-10-31"]
    assert told.since == 7.0


def test_what_has_ended_and_what_runs_of_one_study_is_one_line() -> None:
    told = report([spent("a", 0.25), spent("a", 0.5, running=1)], GroupBy.STUDY, None)

    assert told.rows == (Spent(key="a", cost_usd=0.75, slot_s=20.0, jobs=4, running=1),)


def test_what_has_no_line_is_added_up_and_nothing_is_missing_from_the_total() -> None:
    parts = [spent(f"study-{n}", 1.0 + n, running=n % 2) for n in range(MAX_ROWS + 7)]

    told = report(parts, GroupBy.STUDY, None)

    assert len(told.rows) == MAX_ROWS
    assert told.hidden == 7
    assert told.others == Spent(key="others", cost_usd=28.0, slot_s=70.0, jobs=14, running=3)
    assert told.total.cost_usd == sum(part.cost_usd for part in parts)
    assert (told.total.jobs, told.total.running) == (2 * len(parts), 13)


def test_nothing_spent_adds_up_to_nothing() -> None:
    told = report([], GroupBy.OWNER, None)

    assert (told.rows, told.total) == ((), Spent(key="total"))


# --- words of requests -------------------------------------------------------------------------


def test_groups_are_named_by_their_words() -> None:
    assert [GroupBy.of(word) for word in ("study", " Model", "DAY", "owner")] == list(GroupBy)


def test_another_group_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="'study', 'model', 'day', 'owner', not 'week'"):
        GroupBy.of("week")


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("2026-11-20", "2026-11-20T00:00:00"),
        ("2026-11-20T08:30", "2026-11-20T08:30:00"),
        (" 2026-11-20 08:30:15 ", "2026-11-20T08:30:15"),
        ("2026-11-20T08:30Z", "2026-11-20T08:30:00+00:00"),
        ("2026-11-20T08:30+02:00", "2026-11-20T08:30:00+02:00"),
        ("7d", "2026-11-17T00:00:00"),
        ("0D", "2026-11-24T00:00:00"),
        ("9999d", "1999-07-10T00:00:00"),
    ],
)
def test_a_moment_is_a_date_a_date_with_a_time_or_midnight_some_days_ago(
    since: str, moment: str
) -> None:
    assert beginning(since, NOW) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "since", ["", "yesterday", "7", "d", "-7d", "7.5d", "99999d", "2026-13-01", "1999-12-31", "7 d"]
)
def test_what_is_no_moment_is_refused_with_examples(since: str) -> None:
    with pytest.raises(InvalidRequest, match=r"2026-11-24, a date with.* such as 7d, not "):
        beginning(since, NOW)


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59", "9999-12-31T23:59:59-12:00"])
def test_the_calendars_last_year_is_no_moment(since: str) -> None:
    with pytest.raises(InvalidRequest):
        beginning(since, NOW)


def test_a_moment_to_come_is_refused() -> None:
    check_past("0d", 5.0, 5.0)

    with pytest.raises(InvalidRequest, match="since must lie in the past, and 'then' does not"):
        check_past("then", 5.1, 5.0)


# --- savings -----------------------------------------------------------------------------------


def pruned(planned: int, trained: int, epoch_s: float = 100.0) -> PrunedTrial:
    return PrunedTrial(planned=planned, trained=trained, epoch_s=epoch_s, usd_per_hour=3.6)


def test_every_trial_saves_its_own_epochs_at_its_own_cost() -> None:
    saved = savings([pruned(10, 3), pruned(5, 2, epoch_s=20.0)])

    assert saved.epochs == 10
    assert saved.usd == pytest.approx(7 * 0.1 + 3 * 0.02)


def test_a_trial_that_trained_all_it_was_to_train_saves_nothing() -> None:
    assert savings([pruned(3, 3), pruned(2, 3)]) == Savings(epochs=0, usd=0.0)


def test_without_pruning_nothing_is_saved() -> None:
    assert savings([]) == Savings()
