"""What every tracker promises, whatever it does with what it is told."""

from collections.abc import Sequence
from copy import deepcopy

import pytest

from mcp_automl.domain.tracking import TrackingEntry
from mcp_automl.ports import Tracker
from mcp_automl.trackers.mlflow import MlflowTracker
from mcp_automl.trackers.null import NullTracker
from tests.entries_for_tests import a_whole_life


@pytest.fixture(params=["mlflow", "null"])
def tracker(request: pytest.FixtureRequest) -> Tracker:
    if request.param == "null":
        return NullTracker()
    return MlflowTracker(request.getfixturevalue("mlflow_uri"))


async def test_a_whole_life_is_taken_in_one_delivery(tracker: Tracker) -> None:
    await tracker.deliver(a_whole_life())


async def test_a_whole_life_is_taken_entry_by_entry(tracker: Tracker) -> None:
    for entry in a_whole_life():
        await tracker.deliver([entry])


@pytest.mark.parametrize("again", [a_whole_life(), a_whole_life()[:3], a_whole_life()[-1:]])
async def test_what_was_delivered_is_taken_again(
    tracker: Tracker, again: Sequence[TrackingEntry]
) -> None:
    await tracker.deliver(a_whole_life())
    await tracker.deliver(again)


async def test_nothing_is_taken_as_well(tracker: Tracker) -> None:
    await tracker.deliver([])


async def test_what_is_delivered_is_not_changed(tracker: Tracker) -> None:
    entries = a_whole_life()
    before = deepcopy(entries)

    await tracker.deliver(entries)

    assert entries == before


async def test_a_trial_whose_beginning_was_lost_is_taken(tracker: Tracker) -> None:
    await tracker.deliver(a_whole_life()[3:])
