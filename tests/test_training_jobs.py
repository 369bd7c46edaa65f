"""Training jobs as they are asked for, over a real database; nothing is trained here."""

import re
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from mcp_automl.domain.errors import (
    AutomlError,
    InvalidRequest,
    JobNotFound,
    NothingToShow,
    StudyNotFound,
)
from mcp_automl.domain.events import Finish, Outcome, Record
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import Study, StudyState, TrialState
from mcp_automl.domain.training_job import Priority
from tests.desk_for_tests import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def point(job: Study) -> dict[str, object]:
    assert job.config.job is not None
    return dict(job.config.job.points[0])


async def test_a_job_is_queued_with_the_values_that_were_named_and_somebody_is_woken(
    desk: Desk,
) -> None:
    job = await desk.start(lr=0.002, batch_size=128, params={"optimizer": "sgd"})
    assert job.state is StudyState.QUEUED
    assert point(job) == {"epochs": 3, "lr": 0.002, "batch_size": 128, "optimizer": "sgd"}
    assert len(desk.woken) == 1


async def test_with_a_study_alone_its_best_parameters_data_and_seed_are_taken(desk: Desk) -> None:
    study = await desk.finished_study(0.5, 0.7, 0.6)
    best = await to_thread.run_sync(desk.service.best, study.config.name)
    job = await desk.start(study=study.config.name)
    assert point(job) == dict(best.params)
    assert (job.data, job.arguments) == ("digits", {"dataset": "digits"})
    assert job.config.seed_of(0) == study.config.seed


async def test_what_is_named_beside_a_study_goes_before_its_best_parameters(desk: Desk) -> None:
    study = await desk.finished_study(0.5)
    job = await desk.start(study=study.config.name, epochs=5, params={"dataset": "mnist"})
    assert point(job)["epochs"] == 5 and point(job)["lr"] == 1e-3
    assert job.arguments == {}, "another data set has to be fetched"


async def test_verifying_trains_the_best_and_the_second_best_with_the_same_fresh_seeds(
    desk: Desk,
) -> None:
    study = await desk.finished_study(0.5, 0.7, 0.6)
    job = await desk.start(study=study.config.name, verify_seeds=3)
    assert job.config.job is not None and job.config.n_trials == 6
    best, second = job.config.job.points[:2]
    assert best != second and job.config.job.points == (best, second) * 3
    seeds = job.config.job.seeds
    assert seeds[::2] == seeds[1::2] and len(set(seeds)) == 3
    assert study.config.seed not in seeds


async def test_a_job_is_no_study(desk: Desk) -> None:
    job = await desk.start()
    assert await to_thread.run_sync(desk.service.names) == []
    with pytest.raises(StudyNotFound):
        await to_thread.run_sync(desk.service.status, job.config.name)
    with pytest.raises(InvalidRequest, match="name of a training job"):
        await to_thread.run_sync(desk.service.start_study, StudyRequest("Job-77"))


async def test_jobs_and_studies_share_no_name(desk: Desk) -> None:
    study = await desk.finished_study(0.5)
    names = {(await desk.start()).config.name for _ in range(3)}
    assert len(names) == 3 and study.config.name not in names


Refusal = tuple[dict[str, object], type[AutomlError], str]
REFUSALS: list[Refusal] = [
    ({"lr": 7.0}, InvalidRequest, "lr: .*Valid is"),
    ({"params": {"speed": 1}}, InvalidRequest, "there is no parameter 'speed'"),
    ({"priority": "now"}, InvalidRequest, "one of 'urgent', 'normal', 'background'"),
    ({"model": "nothing"}, InvalidRequest, "there is no model 'nothing'"),
    ({"study": "nobody"}, StudyNotFound, "list_automl_studies"),
    ({"study": "Digits-1", "model": "llm"}, InvalidRequest, "is a study of model 'mnist'"),
    ({"verify_seeds": 3}, InvalidRequest, "give study_name with it"),
    ({"study": "Digits-1", "verify_seeds": 3, "lr": 0.1}, InvalidRequest, "neither parameters"),
    ({"study": "Digits-1", "verify_seeds": 1}, InvalidRequest, "from 2 to 10, not 1"),
    ({"study": "Digits-1", "verify_seeds": 3}, InvalidRequest, "one finished configuration only"),
    ({"run_name": "x" * 200}, InvalidRequest, "up to 128 visible characters"),
]


@pytest.mark.parametrize(("asked", "error", "told"), REFUSALS)
async def test_a_refused_job_is_told_what_would_be_valid_and_nothing_is_stored(
    desk: Desk, asked: dict[str, object], error: type[AutomlError], told: str
) -> None:
    await desk.finished_study(0.5)
    with pytest.raises(error, match=told):
        await desk.start(**asked)
    assert await to_thread.run_sync(desk.service.desk.queue.show) is not None
    assert "job-" not in await desk.queue()


async def test_nothing_can_be_taken_from_a_study_without_a_value(desk: Desk) -> None:
    study = await desk.pair.started()
    with pytest.raises(NothingToShow):
        await desk.start(study=study.config.name)


async def test_a_job_is_cancelled_once_however_often_that_is_asked_for(desk: Desk) -> None:
    name = (await desk.start()).config.name
    assert [await desk.cancel(name), await desk.cancel(name.upper())] == [True, False]
    assert (await desk.told(name)).startswith(f"[STOPPED] Training Job: {name}")


@pytest.mark.parametrize(
    ("name", "told"),
    [("job-99", "the latest jobs: there are none yet"), ("Digits-1.0", "is a trial of the study")],
)
async def test_what_is_no_job_cannot_be_cancelled(desk: Desk, name: str, told: str) -> None:
    await desk.finished_study(0.5)
    with pytest.raises(JobNotFound, match=told):
        await desk.cancel(name)


async def test_the_queue_names_who_waits_in_the_order_of_their_turn(desk: Desk) -> None:
    await desk.finished_study(0.5, 0.6)
    background = await desk.start(priority="background")
    urgent = await desk.start(priority="urgent")
    told = (await desk.queue()).splitlines()
    assert told[0] == "[Info] Queue: 0 of 3 slots in use on 2 CPU cores"
    waiting = [line.split()[1] for line in told if re.match(r"  \d\. ", line)]
    assert waiting == [urgent.config.name, "Digits-1", background.config.name]
    assert urgent.config.priority is Priority.URGENT


async def test_the_queue_shows_what_holds_a_slot(desk: Desk) -> None:
    study = await desk.finished_study(0.5)
    trial = (await desk.pair.attempted(study)).trial
    await desk.pair.measure(study, trial, {1: 0.75})
    told = await desk.queue()
    assert f"slot-0: Digits-1 #{trial}, epoch 1 of " in told
    assert "val_accuracy 0.7500" in told


async def test_a_verification_is_judged_once_all_its_trainings_are_there(desk: Desk) -> None:
    study = await desk.finished_study(0.5, 0.7, 0.6)
    job = await desk.start(study=study.config.name, verify_seeds=2)
    await desk.pair.store.open(job)
    for value in (0.95, 0.31, 0.96, 0.32):
        assert "The best one is better" not in await desk.told(job.config.name)
        await desk.pair.completed(job, value)
    await desk.pair.store.finish(job, StudyState.COMPLETE, "all 4 trials are done")
    assert "The best one is better" in await desk.told(job.config.name)
    best = await to_thread.run_sync(desk.service.best, study.config.name)
    assert best.verification is not None and best.verification.is_better


async def test_a_training_that_failed_is_not_replaced_by_another(desk: Desk) -> None:
    job = await desk.start()
    history = await desk.pair.store.open(job)
    suggestion = await desk.pair.store.ask(job)
    assert history.counted == 0 and dict(suggestion.params) == {"epochs": 3}
    record = Record(suggestion.trial, TrialState.FAIL, None, 0.01, "ValueError: no")
    await desk.pair.store.record(job, record, Outcome.RAISED)
    again = await desk.pair.store.open(job)
    assert again.failures == ("ValueError: no",)


async def verified(desk: Desk, study: Study) -> None:
    """Verifies the study's win, and finds it real."""
    job = await desk.start(study=study.config.name, verify_seeds=2)
    await desk.pair.store.open(job)
    for value in (0.95, 0.31, 0.96, 0.32):
        await desk.pair.completed(job, value)
    await desk.pair.store.finish(job, StudyState.COMPLETE, "all 4 trials are done")


async def is_verified(desk: Desk, study: Study) -> bool:
    best = await to_thread.run_sync(desk.service.best, study.config.name)
    return best.verification is not None


async def test_another_best_trial_is_not_the_one_that_was_verified(desk: Desk) -> None:
    study = await desk.finished_study(0.5, 0.7, 0.6)
    await verified(desk, study)
    assert await is_verified(desk, study)
    await desk.pair.completed(study, 0.9)
    assert not await is_verified(desk, study)


async def test_a_new_study_of_a_deleted_ones_name_is_not_verified(desk: Desk) -> None:
    study = await desk.finished_study(0.5, 0.7, 0.6)
    await verified(desk, study)
    await desk.pair.store.finish(study, StudyState.COMPLETE, "done")
    name = study.config.name
    await to_thread.run_sync(lambda: desk.service.delete_study(name, name))
    again = await desk.finished_study(0.5, 0.7, 0.6)
    assert again.id != study.id and not await is_verified(desk, again)


async def test_a_training_that_failed_ends_its_job_although_another_completed_after_it(
    desk: Desk,
) -> None:
    study = await desk.finished_study(0.5, 0.7, 0.6)
    job = await desk.start(study=study.config.name, verify_seeds=2)
    await desk.pair.store.open(job)
    await desk.pair.failed(job, "ValueError: no")
    await desk.pair.completed(job, 0.5)
    # Its orchestrator dies before it stores the end; the next one begins with what is stored.
    run = StudyRun(job.config, await desk.pair.store.open(job), max_parallel=3)
    assert run.begin() == [Finish(StudyState.FAILED, "ValueError: no")]
    assert not run.wants_slot


async def test_a_jobs_log_is_found_by_its_name_and_named_where_it_failed(desk: Desk) -> None:
    job = await desk.start()
    folder = desk.home / "studies" / str(job.id) / "trials" / "0"
    await anyio.Path(folder).mkdir(parents=True)
    await anyio.Path(folder / "log.txt").write_text("what went wrong\n")
    for name in (job.config.name, f"{job.config.name}.0"):
        log = await to_thread.run_sync(desk.service.job_log, name)
        assert log.lines == ("what went wrong",)
    await desk.pair.store.open(job)
    await desk.pair.failed(job, "ValueError: no")
    assert str(folder / "log.txt") in await desk.told(job.config.name)


async def test_whoever_takes_a_job_for_a_study_is_told_what_it_is(desk: Desk) -> None:
    with pytest.raises(StudyNotFound, match=r'get_queue_status\(job_id="job-5"\)'):
        await to_thread.run_sync(desk.service.stop_study, "job-5")


async def test_two_calls_at_once_make_two_jobs(desk: Desk) -> None:
    names: set[str] = set()

    async def start() -> None:
        names.add((await desk.start()).config.name)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(start)
    assert len(names) == 5
