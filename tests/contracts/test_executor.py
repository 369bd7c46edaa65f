"""What every executor promises."""

import math
from pathlib import Path

import pytest
from anyio import fail_after

from mcp_automl.domain.errors import TrainerUnavailable
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Need, NoSlot, Slot, TrainerRef
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement
from mcp_automl.executors.inline import InlineExecutor
from mcp_automl.executors.local import LocalExecutor
from tests.jobs_for_tests import (
    FAKE,
    end_of,
    fake_job,
    followed,
    hide_main_module,
    launched,
    taken_slot,
)
from trainers.checkpoints import checkpoint_path


@pytest.fixture(params=["local", "inline"])
def executor(request: pytest.FixtureRequest) -> LocalExecutor | InlineExecutor:
    hide_main_module()
    if request.param == "inline":
        return InlineExecutor(max_parallel=2)
    return LocalExecutor(max_parallel=2)


async def test_measurements_come_in_order_and_then_the_end(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor, launched(executor, fake_job(tmp_path, epochs=3)) as attempt:
            words = await followed(attempt)

    assert words == [
        Measurement(epoch=1, metrics={"val_accuracy": 0.1}, seconds=0.5),
        Measurement(epoch=2, metrics={"val_accuracy": 0.2}, seconds=0.5),
        Measurement(epoch=3, metrics={"val_accuracy": 0.3}, seconds=0.5),
        Ended(outcome=Outcome.COMPLETED),
    ]


async def test_stop_at_a_measurement_closes_the_trainer_there(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    job = fake_job(tmp_path, epochs=3, note=str(tmp_path / "note"))
    with fail_after(10):
        async with executor, launched(executor, job) as attempt:
            words = []
            async for word in attempt.words():
                words.append(word)
                await attempt.stop()

    assert [type(word) for word in words] == [Measurement, Ended]
    assert words[-1] == Ended(outcome=Outcome.STOPPED)
    assert (tmp_path / "note").read_text() == "closed"


async def test_stop_between_measurements_is_the_answer_to_the_next_one(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    job = fake_job(tmp_path, epochs=9, note=str(tmp_path / "note"))
    with fail_after(10):
        async with executor, launched(executor, job) as attempt:
            words = []
            async for word in attempt.words():
                words.append(word)
                await attempt.go_on()
                await attempt.stop()
                await attempt.go_on()

    assert [type(word) for word in words] == [Measurement, Measurement, Ended]
    assert words[-1] == Ended(outcome=Outcome.STOPPED)
    assert (tmp_path / "note").read_text() == "closed"


async def test_stop_before_anything_was_measured_still_stops(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor, launched(executor, fake_job(tmp_path, epochs=9)) as attempt:
            await attempt.stop()
            *_, last = [word async for word in attempt.words()]

    assert last == Ended(outcome=Outcome.STOPPED)


async def test_a_trainer_that_came_to_its_end_is_complete_although_it_was_told_to_stop(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor, launched(executor, fake_job(tmp_path, epochs=1)) as attempt:
            words = []
            async for word in attempt.words():
                words.append(word)
                await attempt.go_on()
                await attempt.stop()

    assert words[-1] == Ended(outcome=Outcome.COMPLETED)


async def test_a_trainer_that_raises_while_being_stopped_is_stopped(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    job = fake_job(tmp_path, epochs=3, behaviour="raise when closed")
    with fail_after(10):
        async with executor, launched(executor, job) as attempt:
            async for word in attempt.words():
                last = word
                await attempt.stop()

    assert last == Ended(outcome=Outcome.STOPPED)


async def test_replies_and_stops_after_the_end_are_harmless(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor, launched(executor, fake_job(tmp_path)) as attempt:
            await followed(attempt)
            await attempt.go_on()
            await attempt.stop()
            await attempt.stop()


async def test_an_exception_is_told_by_its_last_line_printable_and_bounded(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, behaviour="raise"))

    assert ended.outcome is Outcome.RAISED
    assert ended.reason.startswith("ValueError: the lamp[31m is red xxx")
    assert len(ended.reason) == 500


async def test_a_trainer_that_exits_the_interpreter_has_raised(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, behaviour="leave"))

    assert ended == Ended(outcome=Outcome.RAISED, reason="SystemExit: 3")


async def test_out_of_memory_is_an_outcome_of_its_own(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, behaviour="run out of memory"))

    assert ended.outcome is Outcome.OUT_OF_MEMORY
    assert "Tried to allocate 2.00 GiB" in ended.reason


async def test_numbers_that_are_not_finite_arrive_as_they_are(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        job = fake_job(tmp_path, epochs=0, behaviour="diverge")
        async with executor, launched(executor, job) as attempt:
            measurement, _ = await followed(attempt)

    assert isinstance(measurement, Measurement)
    assert math.isnan(measurement.metrics["val_accuracy"])
    assert measurement.metrics["val_loss"] == math.inf
    assert measurement.metrics["low"] == -math.inf


async def test_what_is_no_measurement_is_refused_by_name(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, behaviour="yield nonsense"))

    assert ended.outcome is Outcome.RAISED
    assert "train() yielded int, not Measurement" in ended.reason


async def test_parameters_that_the_trainer_does_not_know_are_an_exception(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, colour="red"))

    assert ended.outcome is Outcome.RAISED
    assert "colour" in ended.reason


async def test_a_job_goes_on_from_the_newest_checkpoint_in_its_folder(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    job = fake_job(tmp_path, epochs=5)
    job.workdir.mkdir()
    checkpoint_path(job.workdir, 3).touch()
    checkpoint_path(job.workdir, 4).touch()
    with fail_after(10):
        async with executor, launched(executor, job) as attempt:
            *measurements, _ = await followed(attempt)

    assert [m.epoch for m in measurements if isinstance(m, Measurement)] == [4, 5]


async def test_leaving_the_block_early_ends_the_job(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            async with launched(executor, fake_job(tmp_path, epochs=9)) as attempt:
                async for _ in attempt.words():
                    break
            assert isinstance(executor.acquire(Need()), Slot)


async def test_an_error_in_the_block_comes_out_as_it_is(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            with pytest.raises(LookupError, match="somebody else's"):
                async with launched(executor, fake_job(tmp_path, epochs=9)):
                    raise LookupError("somebody else's")


async def test_there_are_as_many_slots_as_were_asked_for_and_then_a_reason(
    executor: LocalExecutor | InlineExecutor,
) -> None:
    async with executor:
        first, second = taken_slot(executor), taken_slot(executor)
        refused = executor.acquire(Need())
        executor.release(first)
        again = executor.acquire(Need())

    assert first.id != second.id
    assert refused == NoSlot(reason="all 2 slots are in use")
    assert again == first


async def test_two_jobs_run_at_once(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with (
            executor,
            launched(executor, fake_job(tmp_path / "a", epochs=2)) as one,
            launched(executor, fake_job(tmp_path / "b", epochs=2)) as other,
        ):
            # Each waits for its reply when the other's measurement comes.
            one_words, other_words = one.words(), other.words()
            first = [await anext(one_words), await anext(other_words)]
            await other.go_on()
            await one.go_on()
            second = [await anext(one_words), await anext(other_words)]

    assert [w.epoch for w in first + second if isinstance(w, Measurement)] == [1, 1, 2, 2]


async def test_prepare_gives_the_arguments_and_the_description_of_the_data(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            prepared = await executor.prepare(FAKE, tmp_path / "data", {})

    assert prepared.arguments == {"behaviour": "end"}
    assert prepared.description == "nothing, in data"


async def test_prepare_hears_of_what_the_study_has_fixed_if_it_asks_for_it(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    fixed: Params = {"behaviour": "raise", "epochs": 3}
    with fail_after(10):
        async with executor:
            prepared = await executor.prepare(FAKE, tmp_path, fixed)

    assert prepared.arguments == {"behaviour": "raise"}


async def test_a_trainer_with_nothing_to_prepare_is_ready(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            prepared = await executor.prepare(TrainerRef(name="bare", module="json"), tmp_path, {})

    assert (prepared.arguments, prepared.description) == ({}, "")


async def test_a_trainer_that_cannot_be_imported_is_unavailable(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    missing = TrainerRef(name="ghost", module="no_such_module")
    with fail_after(10):
        async with executor:
            with pytest.raises(TrainerUnavailable, match="ghost cannot be used: .*no_such_module"):
                await executor.prepare(missing, tmp_path, {})


async def test_a_job_whose_trainer_cannot_be_imported_ends_with_that_reason(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    missing = TrainerRef(name="ghost", module="no_such_module")
    with fail_after(10):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, trainer=missing))

    assert ended.outcome is Outcome.RAISED
    assert ended.reason == "ModuleNotFoundError: No module named 'no_such_module'"


async def test_what_is_discarded_are_checkpoints_and_nothing_else(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    checkpoint_path(folder, 1).touch()
    checkpoint_path(folder, 2).touch()
    checkpoint_path(folder, 3).with_suffix(".pt.tmp").touch()
    (folder / "model.safetensors").touch()
    (folder / "log.txt").touch()
    with fail_after(10):
        async with executor:
            await executor.discard([tmp_path / "never started", folder])
            await executor.discard([folder])

    assert sorted(path.name for path in folder.iterdir()) == ["log.txt", "model.safetensors"]


async def test_what_is_cleared_is_all_but_what_was_printed(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path
) -> None:
    folder = tmp_path / "7"
    for name in ("model.safetensors", "config.json", "log.txt"):
        (folder / "saving").mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        (folder / "saving" / name).touch()
    checkpoint_path(folder, 1).touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (folder / "link").symlink_to(outside)
    with fail_after(10):
        async with executor:
            await executor.clear([tmp_path / "never started", folder])
            await executor.clear([folder])

    assert [path.name for path in folder.iterdir()] == ["log.txt"]
    assert (outside / "precious").exists()


async def test_checkpoints_that_cannot_be_deleted_are_left_and_said_in_the_log(
    executor: LocalExecutor | InlineExecutor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint_path(tmp_path, 1).mkdir()
    (tmp_path / "other").mkdir()
    checkpoint_path(tmp_path / "other", 1).touch()
    with fail_after(10):
        async with executor:
            await executor.discard([tmp_path, tmp_path / "other"])

    assert "cannot be deleted" in caplog.text
    assert not checkpoint_path(tmp_path / "other", 1).exists()
