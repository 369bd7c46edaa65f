"""Trainers that declare what they take: what is refused, and promised, when they are asked for.

The machine of these tests has one GPU and two cores.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.catalog import Catalog
from mcp_automl.domain.errors import InvalidRequest, TrainerUnavailable
from mcp_automl.domain.job_request import JobRequest
from mcp_automl.domain.request import StudyRequest
from mcp_automl.service import Service
from tests.fakes_server import FakeRegistry, a_service
from trainers.specs import BUILT_IN

TWO = "declares gpus = 2, and this machine has 1 GPU"
THREE = "declares cpu_cores = 3, and this machine has 2 CPU cores"


def service(
    home: Path,
    registry: FakeRegistry | None = None,
    *,
    gpus: float | None = None,
    cpu_cores: int | None = None,
) -> Service:
    trainers = Catalog([replace(BUILT_IN[0], gpus=gpus, cpu_cores=cpu_cores)])
    return a_service(registry or FakeRegistry(), home, trainers=trainers)


@pytest.mark.parametrize(
    ("gpus", "cpu_cores", "problem"), [(2, None, TWO), (0, 3, THREE), (2, 3, TWO)]
)
def test_a_study_that_could_never_start_is_refused_and_nothing_is_stored(
    tmp_path: Path, gpus: float, cpu_cores: int | None, problem: str
) -> None:
    registry = FakeRegistry()
    asked = service(tmp_path, registry, gpus=gpus, cpu_cores=cpu_cores)

    for use in (asked.start_study, asked.quote_study):
        with pytest.raises(TrainerUnavailable, match=problem):
            use(StudyRequest("s"))

    assert registry.writes == 0


def test_a_training_job_that_could_never_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerUnavailable, match=TWO):
        service(tmp_path, gpus=2).desk.jobs.start(JobRequest(model="mnist"))


@pytest.mark.parametrize(
    ("gpus", "cpu_cores", "parallel"), [(None, None, 3), (0, 1, 2), (0.5, None, 2), (1, 2, 1)]
)
def test_how_many_are_said_to_run_at_once_is_how_many_can(
    tmp_path: Path, gpus: float | None, cpu_cores: int | None, parallel: int
) -> None:
    asked = service(tmp_path, gpus=gpus, cpu_cores=cpu_cores)

    assert asked.quote_study(StudyRequest("s")).max_parallel == parallel
    assert asked.start_study(StudyRequest("s")).max_parallel == parallel


def test_a_budget_is_refused_where_a_trainer_takes_nothing_that_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_AUTOML_CPU_USD_PER_CORE_HOUR", "0")
    request = StudyRequest("s", cost_budget_usd=0.5)

    assert service(tmp_path, gpus=1).start_study(request).created
    with pytest.raises(InvalidRequest, match="a budget makes no sense here"):
        service(tmp_path, gpus=0).start_study(request)
