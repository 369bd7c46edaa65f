"""One trial with all that is known of it: some of its epochs, and the end of its log."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from mcp_automl.answers import JobLog
from mcp_automl.domain.errors import JobNotFound, TrialNotFound
from mcp_automl.domain.paging import MAX_POINTS
from mcp_automl.domain.study import Study
from mcp_automl.trial_pages import TrialPages
from tests.fakes_server import FakeArchive, FakeRegistry, a_service, a_study, a_trial


class Logs:
    """Logs of so many lines by job."""

    def __init__(self, lines: Mapping[str, int]) -> None:
        self._lines = lines

    def read(self, job: str) -> JobLog:
        if job not in self._lines:
            raise JobNotFound
        lines = tuple(f"line {n}" for n in range(self._lines[job]))
        return JobLog(path=Path("log"), size=1, lines=lines)


@pytest.fixture
def study(registry: FakeRegistry) -> Study:
    study = a_study()
    registry.add(study, [a_trial(0, epoch=5_000), a_trial(1, epoch=3), a_trial(2)])
    return study


def pages(registry: FakeRegistry, study: Study, logs: Logs) -> TrialPages:
    results = a_service(registry, Path("/nowhere"))._results
    return TrialPages(registry, FakeArchive(registry), logs, results, lambda name: study)  # type: ignore[arg-type]


def test_a_trial_shows_the_last_ten_lines_of_its_own_log(
    registry: FakeRegistry, study: Study
) -> None:
    name = study.config.name
    shown = pages(registry, study, Logs({f"{name}.0": 30, f"{name}.1": 3}))
    assert shown.trial(name, 0).log == tuple(f"line {n}" for n in range(20, 30))
    assert shown.trial(name, 1).log == ("line 0", "line 1", "line 2")
    assert shown.trial(name, 2).log == (), "it has none"


def test_a_trial_of_many_epochs_shows_evenly_spread_ones_and_says_how_many_there_were(
    registry: FakeRegistry, study: Study
) -> None:
    shown = pages(registry, study, Logs({})).trial(study.config.name, 0)
    epochs = [it.epoch for it in shown.measurements]
    steps = {later - earlier for earlier, later in pairwise(epochs)}
    assert (len(epochs), epochs[0], epochs[-1], shown.epochs) == (MAX_POINTS, 1, 5_000, 5_000)
    assert max(steps) - min(steps) <= 1
    few = pages(registry, study, Logs({})).trial(study.config.name, 1)
    assert [it.epoch for it in few.measurements] == [1, 2, 3]


def test_a_trial_that_is_not_there_is_not_found(registry: FakeRegistry, study: Study) -> None:
    with pytest.raises(TrialNotFound, match="has no trial #9; read automl://studies/"):
        pages(registry, study, Logs({})).trial(study.config.name, 9)
