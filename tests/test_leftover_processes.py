"""Nobody is left over: workers die with their orchestrator, and recovery kills what did not."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import psutil
import pytest
from anyio import fail_after

from mcp_automl.domain.jobs import ProcessRef
from mcp_automl.executors.local import LocalExecutor
from mcp_automl.executors.processes import kill_leftover
from tests.jobs_for_tests import (
    fake_job,
    going,
    hide_main_module,
    pids_in,
    survivors,
    wait_for_end,
)

ROOT = Path(__file__).parent.parent

KILLS = int(os.environ.get("MCP_AUTOML_TEST_KILLS", "2"))
"""How often an orchestrator is killed; `make kills N=50` is the large run."""


@contextmanager
def orchestrating(folder: Path, *behaviours: str) -> Iterator["subprocess.Popen[str]"]:
    """A process with an executor and a job of each behaviour, all hard to end."""
    command = [sys.executable, "-P", "-m", "tests.orchestrator_for_tests", *behaviours]
    # Killed, it cannot remove the folder of its forkserver's socket, whose path must be short.
    with tempfile.TemporaryDirectory() as temporary:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": temporary}
        with subprocess.Popen(
            [*command, str(folder)], env=environ, stdout=subprocess.PIPE, text=True
        ) as process:
            yield process
            process.kill()


def workers_of(orchestrator: "subprocess.Popen[str]") -> list[int]:
    """The process ids that its jobs told with their first measurement."""
    assert orchestrator.stdout is not None
    return [int(pid) for pid in json.loads(orchestrator.stdout.readline())]


def wait_until_busy(pid: int) -> None:
    """Returns once the process has computed for a while since its measurement."""
    process = psutil.Process(pid)
    begun = process.cpu_times().user
    # Nothing tells of it, so this looks again and again.
    while process.cpu_times().user < begun + 0.1:
        time.sleep(0.005)


def test_workers_and_forkserver_die_with_a_killed_orchestrator(tmp_path: Path) -> None:
    behaviours = ["with grandchild", "busy and deaf", "hold the interpreter"]
    with orchestrating(tmp_path, *behaviours) as orchestrator:
        workers = workers_of(orchestrator)
        family = [it.pid for it in psutil.Process(orchestrator.pid).children(recursive=True)]
        orchestrator.kill()

        assert len(workers) == 4
        assert set(workers) < set(family)
        assert wait_for_end(family) == []


@pytest.mark.slow
@pytest.mark.parametrize("kill", range(KILLS))
def test_within_five_seconds_of_the_kill_no_worker_computes_and_no_data_loader_loads(
    tmp_path: Path, kill: int
) -> None:
    with orchestrating(tmp_path, "multiply matrices", "load data") as orchestrator:
        multiplying, training, loading = workers_of(orchestrator)
        family = [it.pid for it in psutil.Process(orchestrator.pid).children(recursive=True)]
        for pid in (multiplying, training):
            wait_until_busy(pid)
        orchestrator.kill()

        assert {multiplying, training, loading} < set(family)
        assert wait_for_end(family, seconds=5.0) == []


async def test_recovery_kills_the_group_that_a_process_ref_names(tmp_path: Path) -> None:
    hide_main_module()
    executor = LocalExecutor()
    with fail_after(10):
        async with executor:
            job = fake_job(tmp_path, epochs=0, behaviour="with grandchild")
            async with going(executor, job) as (attempt, words, first):
                process = attempt.process
                stranger = ProcessRef(pid=process.pid, started=process.started - 3600)
                assert not await anyio.to_thread.run_sync(kill_leftover, stranger)
                assert len(await survivors(pids_in(first), seconds=0)) == 2
                assert await anyio.to_thread.run_sync(kill_leftover, process)
                assert await survivors(pids_in(first), seconds=0) == []
                await anext(words)
            assert not await anyio.to_thread.run_sync(kill_leftover, process)


def test_recovery_kills_a_group_whose_leader_is_gone() -> None:
    # The shell leads a group, starts a child in it and leaves.
    script = "sleep 10000 & echo $!"
    with subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as shell:
        started = psutil.Process(shell.pid).create_time()
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        shell.wait()

        assert kill_leftover(ProcessRef(pid=shell.pid, started=started))
        assert wait_for_end([child]) == []


def test_recovery_never_kills_itself() -> None:
    own = ProcessRef(pid=os.getpgrp(), started=0.0)

    assert not kill_leftover(own)
    assert not kill_leftover(ProcessRef(pid=0, started=0.0))
