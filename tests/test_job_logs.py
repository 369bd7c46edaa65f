"""Logs of jobs: which is meant, how much of it is read, and how long it may grow."""

import os
from pathlib import Path

import anyio
import pytest
from mcp import Client, MCPError

from mcp_automl.domain.errors import JobNotFound
from mcp_automl.domain.study import TrialState
from mcp_automl.folders import Folders
from mcp_automl.joblogs import MAX_BYTES, MAX_LINES, JobLogs
from mcp_automl.server.app import build
from mcp_automl.worker import log as worker_log
from tests.fakes_server import FakeJobs, FakeRegistry, a_config, a_service, a_study, a_trial


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def logs(registry: FakeRegistry, tmp_path: Path) -> JobLogs:
    folders = Folders(studies=tmp_path / "studies", data=tmp_path / "data")
    return JobLogs(registry, FakeJobs(), folders)


def written(home: Path, study: int, trial: int, content: bytes) -> Path:
    path = home / "studies" / str(study) / "trials" / str(trial) / "log.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- which -------------------------------------------------------------------------------------


def test_the_last_dot_parts_a_studys_name_from_its_trials_number(
    registry: FakeRegistry, logs: JobLogs, tmp_path: Path
) -> None:
    registry.add(a_study(config=a_config("mnist.1"), id=1))
    registry.add(a_study(config=a_config("mnist.1.2"), id=2))
    written(tmp_path, 1, 2, b"of mnist.1, trial 2\n")
    written(tmp_path, 2, 3, b"of mnist.1.2, trial 3\n")

    assert logs.read("mnist.1.2").lines == ("of mnist.1, trial 2",)
    assert logs.read("MNIST.1.2.3").lines == ("of mnist.1.2, trial 3",)


@pytest.mark.parametrize(
    "job",
    [
        "",
        ".",
        "s",
        "s.",
        ".1",
        "s.1.",
        "s.-1",
        "s.1/..",
        "s.../1",
        "../s.1",
        "s.1\n",
        "s.１",
        "t.1",
    ],
)
def test_what_names_no_job_is_refused_and_said_how_one_is_named(
    registry: FakeRegistry, logs: JobLogs, tmp_path: Path, job: str
) -> None:
    registry.add(a_study(config=a_config("s"), id=1))
    written(tmp_path, 1, 1, b"secret\n")

    with pytest.raises(JobNotFound, match="such as mnist-opt-1.3"):
        logs.read(job)


def test_a_job_that_never_started_has_no_log(registry: FakeRegistry, logs: JobLogs) -> None:
    registry.add(a_study(config=a_config("s"), id=1))

    with pytest.raises(JobNotFound, match=r"'s\.1' has no log: .*trials/1/log\.txt"):
        logs.read("s.1")


def test_the_status_names_the_log_of_the_latest_failure(
    registry: FakeRegistry, logs: JobLogs, tmp_path: Path
) -> None:
    study = a_study(config=a_config("s"), id=1)
    failed = [a_trial(n, None, state=TrialState.FAIL) for n in (4, 2)]
    registry.add(study, [a_trial(5), *failed])

    [note] = logs.of_failed(study)

    assert note.startswith("trial #4 failed; ")
    assert note.endswith(str(tmp_path / "studies" / "1" / "trials" / "4" / "log.txt"))


# --- how much ----------------------------------------------------------------------------------


def test_only_the_last_lines_of_a_long_log_are_read(
    registry: FakeRegistry, logs: JobLogs, tmp_path: Path
) -> None:
    registry.add(a_study(config=a_config("s"), id=1))
    content = b"".join(b"%d\n" % n for n in range(100_000))
    path = written(tmp_path, 1, 0, content)

    log = logs.read("s.0")

    assert (log.path, log.size) == (path, len(content))
    assert log.lines == tuple(str(n) for n in range(100_000 - MAX_LINES, 100_000))


@pytest.mark.parametrize(
    "content", [b"x" * 1_000_000, b"\xff\xfe\x00" * 9_999, b"a\n" + b"\xe2" * 5]
)
def test_a_log_without_lines_or_without_sense_is_bounded_too(
    registry: FakeRegistry, logs: JobLogs, tmp_path: Path, content: bytes
) -> None:
    registry.add(a_study(config=a_config("s"), id=1))
    written(tmp_path, 1, 0, content)

    lines = logs.read("s.0").lines

    assert lines
    assert sum(map(len, lines)) <= MAX_BYTES


# --- as a resource -----------------------------------------------------------------------------


async def test_the_end_of_a_jobs_log_can_be_read_as_text_that_pretends_nothing(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.add(a_study(config=a_config("v1.0"), id=7))
    log = tmp_path / "studies" / "7" / "trials" / "3" / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text('Traceback:\n  File "x.py"\n\x1b[31mValueError: no\n')
    with anyio.fail_after(5):
        async with Client(build(lambda: a_service(registry, tmp_path))) as client:
            (content,) = (await client.read_resource("automl://jobs/v1.0.3/log")).contents
    assert content.mime_type == "text/plain"
    assert getattr(content, "text").splitlines() == [  # noqa: B009
        f"[{log}: 45 bytes; the last 3 lines]",
        "Traceback:",
        '  File "x.py"',
        "[31mValueError: no",
    ]


@pytest.mark.parametrize(
    "job",
    ["nobody.0", "done", "done.99", "done.-1", "done.x", "..%2F..%2Fetc.0", "done.0%2F..", "."],
)
async def test_a_job_that_is_not_there_is_invalid_params(
    registry: FakeRegistry, tmp_path: Path, job: str
) -> None:
    registry.add(a_study(config=a_config("done")))
    with anyio.fail_after(5):
        async with Client(build(lambda: a_service(registry, tmp_path))) as client:
            with pytest.raises(MCPError) as refused:
                await client.read_resource(f"automl://jobs/{job}/log")
    assert refused.value.error.code == -32602


# --- how long ----------------------------------------------------------------------------------


def test_a_log_that_has_grown_too_long_keeps_its_end_and_whoever_writes_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_log, "MAX_BYTES", 100)
    monkeypatch.setattr(worker_log, "KEPT_BYTES", 25)
    log = tmp_path / "log.txt"
    writer = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(writer, b"0123456789\n" * 9)
    worker_log.shorten(log)
    assert log.read_bytes() == b"0123456789\n" * 9

    os.write(writer, b"0123456789\n" * 9)
    worker_log.shorten(log)
    os.write(writer, b"new\n")
    os.close(writer)

    assert log.read_bytes() == worker_log.DROPPED + b"0123456789\n" * 2 + b"new\n"
