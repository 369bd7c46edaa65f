"""The cost report: what is asked of the ledger, and what a reader and a program get to see."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.types import TextContent

from mcp_automl.costs import Costs
from mcp_automl.domain.costs import MAX_ROWS, GroupBy, Spent, report
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.savings import PrunedTrial
from mcp_automl.domain.study import StudyState
from mcp_automl.server.app import build
from mcp_automl.server.costs import CostsModel, costs
from tests.fakes_server import NOW, FakeAccounts, FakeRegistry, a_service, a_study

HOUR, DAY = 3600.0, 86_400.0
PARTS = (
    Spent(key="mnist-opt-1", cost_usd=0.4812, slot_s=7300.0, jobs=24),
    Spent(key="llm-opt-2", cost_usd=1.5, slot_s=5.0 * HOUR, jobs=9),
    Spent(key="llm-opt-2", cost_usd=0.0188, slot_s=60.0, jobs=1, running=1),
)
PRUNED = PrunedTrial(planned=5, trained=2, epoch_s=100.0, usd_per_hour=3.6)


# --- the use case ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        (None, None),
        # 08:00 in UTC, where it is 10:00 here: so midnight was ten hours ago.
        ("0d", NOW - 10 * HOUR),
        ("2d", NOW - 10 * HOUR - 2 * DAY),
        ("2027-01-15", NOW - 10 * HOUR),
        ("2027-01-15T09:30", NOW - HOUR / 2),
        ("2027-01-15T07:30Z", NOW - HOUR / 2),
        ("2027-01-15 10:00:00", NOW),
    ],
)
def test_moments_are_local_unless_they_name_a_zone(
    living_in: Callable[[str], None], since: str | None, moment: float | None
) -> None:
    living_in("UTC-2")
    accounts = FakeAccounts()

    told = Costs(accounts, lambda: NOW).report("model", since)

    assert accounts.asked == [(GroupBy.MODEL, moment)]
    assert told.since == moment


def test_a_moment_that_is_still_to_come_is_refused_before_anything_is_read(
    living_in: Callable[[str], None],
) -> None:
    living_in("UTC-2")
    accounts = FakeAccounts()

    with pytest.raises(InvalidRequest, match="since must lie in the past"):
        Costs(accounts, lambda: NOW).report(since="2027-01-15T10:00:01")

    assert accounts.asked == []


@pytest.mark.parametrize("state", [s for s in StudyState if not s.should_run])
def test_a_study_that_has_ended_knows_what_pruning_saved(state: StudyState) -> None:
    accounts = FakeAccounts()
    accounts.put = [PRUNED]

    saved = Costs(accounts, lambda: NOW).savings(a_study(state))

    assert saved is not None and (saved.epochs, round(saved.usd, 9)) == (3, 0.3)


@pytest.mark.parametrize("state", [s for s in StudyState if s.should_run])
def test_a_study_that_runs_boasts_of_nothing_yet(state: StudyState) -> None:
    accounts = FakeAccounts()
    accounts.put = [PRUNED]

    assert Costs(accounts, lambda: NOW).savings(a_study(state)) is None


# --- the text ----------------------------------------------------------------------------------


def test_the_report_is_a_table_with_shares_and_a_total() -> None:
    assert costs(report(PARTS, GroupBy.STUDY, None)) == (
        "[Info] AutoML Costs by study:\n"
        "Study        Cost   Share  Slot time  Jobs\n"
        "llm-opt-2    $1.52  76%    5 h 1 min  10\n"
        "mnist-opt-1  $0.48  24%    2 h 1 min  24\n"
        "Total        $2.00  100%   7 h 2 min  34\n"
        "1 job still runs: it counts up to the last sign of life\n"
        "Next: get_automl_study_status(study_name=...) for one of them"
    )


def test_the_moment_from_which_on_it_counts_is_said_in_local_time(
    living_in: Callable[[str], None],
) -> None:
    living_in("UTC-2")
    told = costs(report(PARTS, GroupBy.OWNER, NOW))
    assert told.startswith("[Info] AutoML Costs by owner since 2027-01-15 10:00 (local time):\n")
    assert told.endswith('Next: get_cost_report(group_by="study") for the studies behind it')


def test_days_say_that_a_job_counts_where_it_began() -> None:
    day = Spent(key="2026-11-24", cost_usd=0.5, slot_s=60.0, jobs=2)
    told = costs(report([day], GroupBy.DAY, None)).splitlines()
    assert told[2].split() == ["2026-11-24", "$0.50", "100%", "1", "min", "0", "s", "2"]
    assert told[4] == "A job counts on the day on which it began"


def test_where_nothing_was_spent_that_is_said() -> None:
    told = costs(report([], GroupBy.STUDY, None))
    assert told.startswith("[Info] AutoML Costs by study: nothing was spent\n")


def test_jobs_that_cost_nothing_have_no_share_of_it() -> None:
    free = Spent(key="s", slot_s=60.0, jobs=1)
    assert costs(report([free], GroupBy.STUDY, None)).splitlines()[2].split()[1:3] == [
        "$0.00",
        "0%",
    ]


def test_the_reply_stays_short_at_any_size_and_counts_what_it_does_not_show() -> None:
    many = [
        Spent(key=f"{n:05}" * 20, cost_usd=n + 0.123456, slot_s=1e7 + n, jobs=12_345, running=1)
        for n in range(10_000)
    ]
    answer = report(many, GroupBy.STUDY, 0.0)

    told, structure = costs(answer), CostsModel.of(answer).model_dump_json()

    assert f"and {10_000 - MAX_ROWS} more" in told
    assert len(told) < 3_000 and len(told) + len(structure) < 6_000


# --- the server --------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> MCPServer[Any]:
    return build(lambda: a_service(FakeRegistry(), tmp_path, FakeAccounts(*PARTS)))


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest, server: MCPServer[Any]) -> AsyncIterator[Client]:
    async with Client(server, mode=request.param, raise_exceptions=True) as connected:
        yield connected


async def test_the_tool_and_the_resource_tell_the_same(client: Client) -> None:
    with anyio.fail_after(5):
        result = await client.call_tool("get_cost_report", {})
        (resource,) = (await client.read_resource("automl://costs")).contents
    (content,) = result.content
    assert isinstance(content, TextContent) and content.text.splitlines()[-3].startswith("Total")
    structure = result.structured_content
    assert structure == json.loads(getattr(resource, "text"))  # noqa: B009
    assert structure is not None
    assert [(row["key"], row["cost_usd"]) for row in structure["rows"]] == [
        ("llm-opt-2", 1.5188),
        ("mnist-opt-1", 0.4812),
    ]
    assert (structure["total"]["cost_usd"], structure["total"]["jobs"]) == (2.0, 34)
    assert (structure["others"], structure["hidden"], structure["running"]) == (None, 0, 1)
