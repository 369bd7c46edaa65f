"""What only real processes can show: signals, groups, descriptors, devices."""

import gc
import os
import signal
import sys
from pathlib import Path

import anyio
import psutil
import pytest
from anyio import fail_after

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Need
from mcp_automl.domain.study import Measurement
from mcp_automl.executors import child, devices, processes
from mcp_automl.executors.attempt import LocalAttempt
from mcp_automl.executors.local import CUDA_CONTEXT_GB, LocalExecutor
from tests.jobs_for_tests import (
    FAKE,
    end_of,
    fake_job,
    followed,
    going,
    hide_main_module,
    launched,
    pids_in,
    survivors,
    taken_slot,
)
from tests.nvml_for_tests import FakeGpu, FakeNvml

GIB = 2**30


@pytest.fixture
def executor() -> LocalExecutor:
    hide_main_module()
    return LocalExecutor(grace=0.3)


# --- how a worker lives ------------------------------------------------------------------------


async def test_a_worker_leads_its_own_session_and_imports_nothing_heavy_of_ours(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    with fail_after(10):
        async with executor:
            await end_of(executor, fake_job(tmp_path, behaviour="describe", note=str(note)))

    cores = max(1, devices.usable_cores() // 3)
    assert note.read_text().splitlines() == [
        f"OMP_NUM_THREADS={cores}",
        "CUDA_VISIBLE_DEVICES=",
        "leader=True",
        "heavy=[]",
    ]


async def test_all_that_a_worker_prints_is_appended_to_the_jobs_log(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            await end_of(executor, fake_job(tmp_path, behaviour="print"))
            await end_of(executor, fake_job(tmp_path, behaviour="raise"))

    log = (tmp_path / "job.log").read_text()
    assert {"to stdout", "to stderr", "from a child"} <= set(log.splitlines())
    assert "Traceback" in log and "the lamp" in log


async def test_every_epoch_is_a_line_of_the_log_whatever_the_trainer_prints(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            await end_of(executor, fake_job(tmp_path, epochs=2))

    lines = (tmp_path / "job.log").read_text().splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "epoch 1: val_accuracy 0.1",
        "epoch 2: val_accuracy 0.2",
    ]


async def test_a_log_that_cannot_be_opened_is_the_jobs_reason(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    job = fake_job(tmp_path)
    job.log.mkdir()
    with fail_after(10):
        async with executor:
            ended = await end_of(executor, job)

    assert ended.outcome is Outcome.RAISED
    assert "IsADirectoryError" in ended.reason


async def test_a_worker_is_named_by_its_pid_and_start_time(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            job = fake_job(tmp_path, epochs=0, behaviour="sleep")
            async with going(executor, job) as (attempt, _, first):
                process = attempt.process
                assert pids_in(first) == [process.pid]
                assert psutil.Process(process.pid).create_time() == process.started


# --- how a worker ends -------------------------------------------------------------------------


async def test_a_worker_deaf_to_sigterm_is_killed_after_the_grace(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            job = fake_job(tmp_path, epochs=0, behaviour="busy and deaf")
            async with going(executor, job) as (attempt, words, first):
                await attempt.stop()
                await attempt.stop()
                last = await anext(words)
                assert await survivors(pids_in(first), seconds=0) == []

    assert last == Ended(outcome=Outcome.STOPPED, reason="it did not stop by itself in time")


async def test_a_worker_that_does_not_come_to_a_measurement_gets_sigterm_before_it_is_killed(
    tmp_path: Path,
) -> None:
    # Long enough for the handler on a busy machine: what is tested ends well before it.
    executor = LocalExecutor(grace=3.0)
    note = tmp_path / "note"
    job = fake_job(tmp_path, epochs=0, behaviour="tidy up", note=str(note))
    with fail_after(10):
        async with executor, going(executor, job) as (attempt, words, _):
            await attempt.stop()
            last = await anext(words)

    assert isinstance(last, Ended) and last.outcome is Outcome.STOPPED
    assert note.read_text() == "tidied up"


async def test_a_trainer_that_hangs_when_it_is_closed_is_killed_after_the_grace(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        async with executor:
            job = fake_job(tmp_path, epochs=3, behaviour="hang when closed")
            async with launched(executor, job) as attempt:
                async for word in attempt.words():
                    last = word
                    await attempt.stop()

    assert last == Ended(outcome=Outcome.STOPPED, reason="it did not stop by itself in time")


@pytest.mark.parametrize("behaviour", ["with grandchild", "leave grandchild"])
async def test_a_workers_children_die_with_it(
    executor: LocalExecutor, tmp_path: Path, behaviour: str
) -> None:
    with fail_after(10):
        async with executor:
            job = fake_job(tmp_path, epochs=0, behaviour=behaviour)
            async with going(executor, job) as (attempt, words, first):
                if behaviour == "with grandchild":
                    os.kill(attempt.process.pid, signal.SIGKILL)
                await anext(words)
                alive = await survivors(pids_in(first))

    assert len(pids_in(first)) == 2
    assert alive == []


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("kill oneself", "killed by signal 9 (SIGKILL) from outside"),
        ("crash", "the process ended by signal 11 (SIGSEGV)"),
        ("exit silently", "the process exited with code 3 without a last word"),
    ],
)
async def test_a_worker_that_vanishes_was_killed_and_the_reason_says_how(
    executor: LocalExecutor, tmp_path: Path, behaviour: str, reason: str
) -> None:
    with fail_after(10):
        async with executor, launched(executor, fake_job(tmp_path, behaviour=behaviour)) as attempt:
            measurement, ended = await followed(attempt)
            now = anyio.current_time()

    assert isinstance(measurement, Measurement)
    assert ended == Ended(outcome=Outcome.KILLED, reason=reason)
    assert isinstance(ended, Ended)
    assert ended.at is not None
    assert ended.at <= now


@pytest.mark.parametrize(
    ("before", "after", "outcome", "reason"),
    [
        ("oom_kill 3\n", "oom_kill 4\n", Outcome.OUT_OF_MEMORY, "out of host memory: killed by"),
        ("oom_kill 3\n", "oom_kill 3\n", Outcome.KILLED, "from outside"),
        ("pgfault 3\n", "pgfault 4\n", Outcome.KILLED, "perhaps for want of host memory"),
    ],
)
async def test_a_worker_that_the_kernel_killed_for_want_of_memory_is_told_from_others(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    before: str, after: str, outcome: Outcome, reason: str,
) -> None:  # fmt: skip
    kernel = tmp_path / "vmstat"
    kernel.write_text(f"nr_free_pages 1\n{before}")
    monkeypatch.setattr(processes, "VMSTAT", kernel)
    job = fake_job(tmp_path, epochs=0, behaviour="sleep")
    with fail_after(10):
        async with executor, going(executor, job) as (attempt, words, _):
            kernel.write_text(f"nr_free_pages 1\n{after}")
            os.kill(attempt.process.pid, signal.SIGKILL)
            ended = await anext(words)

    assert isinstance(ended, Ended)
    assert (ended.outcome, reason in ended.reason) == (outcome, True)


async def test_cancelling_a_launch_leaves_no_process(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    pids: list[int] = []

    async def follow_for_ever() -> None:
        job = fake_job(tmp_path, epochs=0, behaviour="with grandchild")
        async with going(executor, job) as (_, words, first):
            pids.extend(pids_in(first))
            measured.set()
            await anext(words)

    measured = anyio.Event()
    with fail_after(10):
        async with executor, anyio.create_task_group() as tasks:
            tasks.start_soon(follow_for_ever)
            await measured.wait()
            tasks.cancel_scope.cancel()
        alive = await survivors(pids)

    assert len(pids) == 2
    assert alive == []


async def test_cancelling_everything_around_the_executor_leaves_no_process(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(10):
        with anyio.CancelScope() as scope:
            job = fake_job(tmp_path, epochs=0, behaviour="busy and deaf")
            async with executor, going(executor, job) as (_, words, first):
                scope.cancel()
                await anext(words)
        alive = await survivors(pids_in(first), seconds=0)

    assert scope.cancelled_caught
    assert alive == []


async def test_twenty_launches_leave_no_descriptor_and_no_process(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    def descriptors() -> int:
        # What earlier tests have left is not to be closed between two counts.
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    pids = []

    async def launch(behaviour: str) -> None:
        async with launched(executor, fake_job(tmp_path, behaviour=behaviour)) as attempt:
            await followed(attempt)
            pids.append(attempt.process.pid)
        # The forkserver tells of the end some time after the kernel: only then is all given back.
        assert isinstance(attempt, LocalAttempt)
        await attempt._child._reaped.wait()

    with fail_after(20):
        async with executor:
            await launch("end")
            # As many stand by before and after.
            await executor.warm_up()
            before = descriptors()
            for number in range(20):
                await launch(("end", "raise", "kill oneself")[number % 3])
            await executor.warm_up()
            after = descriptors()

    assert after == before
    # A zombie would still have its pid.
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no forkserver")
async def test_a_killed_forkserver_is_replaced_and_the_jobs_that_it_started_go_on(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(20):
        async with executor:
            job = fake_job(tmp_path, epochs=0, behaviour="sleep")
            async with going(executor, job) as (attempt, _, first):
                forkserver = psutil.Process(attempt.process.pid).parent()
                assert forkserver is not None and forkserver.pid != os.getpid()
                forkserver.kill()
                ended = await end_of(executor, fake_job(tmp_path / "next"))
                alive = [pid for pid in pids_in(first) if psutil.pid_exists(pid)]
            left = await survivors(pids_in(first))

    assert ended.outcome is Outcome.COMPLETED
    assert alive == pids_in(first)
    assert left == []


async def test_where_the_kernel_does_not_tell_of_ends_a_killed_forkserver_costs_its_jobs(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "pidfd", lambda pid: None)
    with fail_after(20):
        async with executor:
            job = fake_job(tmp_path, epochs=0, behaviour="sleep")
            async with going(executor, job) as (attempt, words, first):
                forkserver = psutil.Process(attempt.process.pid).parent()
                assert forkserver is not None and forkserver.pid != os.getpid()
                forkserver.kill()
                last = await anext(words)
                assert await survivors(pids_in(first), seconds=0) == []
            ended = await end_of(executor, fake_job(tmp_path))

    assert last == Ended(outcome=Outcome.KILLED, reason="the process vanished without a last word")
    assert ended.outcome is Outcome.COMPLETED


async def test_a_job_takes_a_process_that_stood_by_and_none_is_left_in_the_end(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    def children() -> set[int]:
        return {it.pid for it in psutil.Process().children(recursive=True)}

    with fail_after(10):
        async with executor:
            before = children()
            await executor.warm_up()
            standing_by = children() - before
            async with launched(executor, fake_job(tmp_path)) as attempt:
                pid = attempt.process.pid
                await followed(attempt)
        alive = await survivors(sorted(standing_by))

    assert pid in standing_by
    assert alive == []


# --- GPUs --------------------------------------------------------------------------------------


async def test_a_worker_sees_only_its_gpu_and_its_measured_memory_is_remembered(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = FakeNvml([FakeGpu(uuid="GPU-abc", total=8 * GIB, free=7 * GIB)])
    monkeypatch.setattr(devices, "load_nvml", lambda: nvml)
    need = Need(gpu_memory_gb=6.0, trainer=FAKE.name)
    with fail_after(10):
        async with executor:
            slot = taken_slot(executor, need)
            job = fake_job(tmp_path, behaviour="use gpu", epochs=0)
            async with executor.launch(job, slot) as attempt:
                await followed(attempt)
            executor.release(slot)
            nvml.gpus[0].free = int((3 + CUDA_CONTEXT_GB) * GIB)
            note = tmp_path / "note"
            slot = taken_slot(executor, need)
            job = fake_job(tmp_path, behaviour="describe", note=str(note))
            async with executor.launch(job, slot) as attempt:
                await followed(attempt)
            words = executor.describe()

    assert words == "cuda:0"
    assert (slot.device, slot.visible_device, slot.shared) == ("cuda", "GPU-abc", True)
    assert "CUDA_VISIBLE_DEVICES=GPU-abc" in note.read_text()
