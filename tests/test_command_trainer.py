"""Commands as trainers, in real processes: what they are given, say, and leave behind."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from mcp_automl.domain.errors import TrainerUnavailable
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Job, Limits, Need
from mcp_automl.domain.study import Measurement
from mcp_automl.executors import devices
from mcp_automl.executors.local import LocalExecutor
from tests.commands_for_tests import (
    JOB_SECONDS,
    command_executor,
    losses,
    said,
    said_again,
    script_job,
)
from tests.jobs_for_tests import (
    followed,
    going,
    hide_main_module,
    pids_in,
    survivors,
    taken_slot,
)

ARGUMENTS = ["--lr", "0.5", "--name", "a b", "--deep", "true"]


@pytest.fixture
def executor() -> LocalExecutor:
    return command_executor()


def command_job(folder: Path, script: str, **params: Any) -> Job:
    """A job of a Python script as a command; its imports are what it needs to be short."""
    imports = "import json, os, subprocess, sys, time\n"
    final = {"final_objective": "test_loss"}
    return script_job(folder, imports + script, "-S", options=final, **params)


async def test_a_command_is_given_its_parameters_in_three_ways_and_the_rest_goes_to_the_log(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    job = command_job(
        tmp_path,
        """
print("beginning", [1, 2])
print('{"not": "closed"')
print(json.dumps({"train_loss": 1.0}))
sys.stderr.write("a warning\\n")
params = json.load(open(os.environ["MCP_AUTOML_PARAMS_FILE"]))
given = {k: v for k, v in os.environ.items() if k.startswith("MCP_AUTOML")}
json.dump([sys.argv[1:], params, given, os.getcwd()], open("note", "w"))
print(json.dumps({"epoch": 1, "val_loss": 0.5, "seen": 7, "name": "x", "ok": True}))
print(json.dumps({"epoch": 2, "val_loss": 0.25}), end="")
""",
        lr=0.5,
        name="a b",
        deep=True,
        left_out=None,
    )
    words = await said(executor, job)

    assert words[-1] == Ended(outcome=Outcome.COMPLETED)
    assert losses(words) == [(1, 0.5), (2, 0.25)]
    assert isinstance(words[0], Measurement) and set(words[0].metrics) == {"val_loss", "seen"}
    arguments, params, given, folder = json.loads((tmp_path / "note").read_text())
    assert arguments == ARGUMENTS
    assert params == {"lr": 0.5, "name": "a b", "deep": True, "left_out": None}
    assert (given["MCP_AUTOML_PARAM_LR"], given["MCP_AUTOML_PARAM_DEEP"]) == ("0.5", "true")
    assert given["MCP_AUTOML_DEVICE"] == "cpu" and given["MCP_AUTOML_RESUME_EPOCH"] == "0"
    assert Path(folder) == tmp_path
    log = job.log.read_text()
    assert all(text in log for text in ("beginning [1, 2]", '"train_loss"', "a warning"))


async def test_a_command_that_fails_is_a_failure_with_its_exit_code_and_last_line(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    *measured, ended = await said(
        executor,
        command_job(
            tmp_path,
            """
print(json.dumps({"val_loss": 1.0}), flush=True)
raise ValueError("the lamp is \\x1b[31mout" + "!" * 900)
""",
        ),
    )

    assert losses(measured) == [(1, 1.0)]
    assert isinstance(ended, Ended) and ended.outcome is Outcome.RAISED
    assert "ended with exit code 1: ValueError: the lamp is" in ended.reason
    assert len(ended.reason) <= 500 and ended.reason.isprintable()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("os.write(1, bytes(range(256)) * 4000)", "printed no measurement; a line such as"),
        ("print(json.dumps({'epoch': 0, 'val_loss': 1.0}))", "epochs are whole numbers from 1"),
        ("sys.exit(3)", "ended with exit code 3: no word on stderr"),
    ],
)
async def test_a_command_that_says_nothing_sensible_fails_with_what_would_be(
    executor: LocalExecutor, tmp_path: Path, script: str, reason: str
) -> None:
    (ended,) = await said(executor, command_job(tmp_path, script))

    assert isinstance(ended, Ended) and ended.outcome is Outcome.RAISED
    assert reason in ended.reason


async def test_a_command_may_say_that_its_objective_is_no_number(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = """
print('{"val_loss": NaN}')
print('{"val_loss": null}')
print('{"val_loss": 1' + "0" * 400 + "}")
"""
    words = await said(executor, command_job(tmp_path, script))

    assert [str(value) for _, value in losses(words)] == ["nan", "nan", "inf"]


async def test_a_command_without_memory_is_told_from_one_that_is_wrong(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = "sys.exit('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB')"
    (ended,) = await said(executor, command_job(tmp_path, script))

    assert isinstance(ended, Ended) and ended.outcome is Outcome.OUT_OF_MEMORY


async def test_a_command_that_is_killed_from_outside_may_be_tried_again(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    *_, ended = await said(executor, command_job(tmp_path, "os.kill(os.getpid(), 9)"))

    assert isinstance(ended, Ended) and ended.outcome in (Outcome.KILLED, Outcome.OUT_OF_MEMORY)
    assert "was ended by signal 9 (SIGKILL)" in ended.reason


FAMILY = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
pids = {"command": os.getpid(), "child": child.pid}
print(json.dumps({"epoch": 1, "val_loss": 1.0, **pids}), flush=True)
"""


async def test_a_command_that_has_ended_waits_for_nobody_it_leaves_behind(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    words = await said(executor, command_job(tmp_path, FAMILY))

    assert isinstance(words[0], Measurement) and words[-1] == Ended(outcome=Outcome.COMPLETED)
    del words[0].metrics["val_loss"]  # type: ignore[attr-defined]
    assert await survivors(pids_in(words[0])) == []


@pytest.mark.parametrize("way", ["stopped", "left"])
async def test_a_command_dies_with_its_job_and_all_it_has_started(
    executor: LocalExecutor, tmp_path: Path, way: str
) -> None:
    job = command_job(tmp_path, f"{FAMILY}\ntime.sleep(1000)")
    with fail_after(JOB_SECONDS):
        async with executor:
            async with going(executor, job) as (attempt, words, first):
                if way == "stopped":
                    await attempt.stop()
                    ended = await anext(words)
                    assert isinstance(ended, Ended) and ended.outcome is Outcome.STOPPED
            del first.metrics["val_loss"]  # type: ignore[attr-defined]
            assert await survivors(pids_in(first)) == []


async def test_a_command_that_hangs_has_stalled(tmp_path: Path) -> None:
    executor = command_executor(Limits(stall_s=1.0))
    *_, ended = await said(executor, command_job(tmp_path, f"{FAMILY}\ntime.sleep(1000)"))

    assert isinstance(ended, Ended) and ended.outcome is Outcome.STALLED


async def test_a_command_that_begins_again_adds_nothing_until_it_is_as_far_as_it_was(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = """
print(json.dumps({"epoch": 1, "val_loss": 0.1}))
print(json.dumps({"epoch": 2, "val_loss": 0.2}))
again = os.path.exists("again")
open("again", "w").write(os.environ["MCP_AUTOML_RESUME_EPOCH"])
time.sleep(0 if again else 1000)
print(json.dumps({"epoch": 3, "val_loss": 0.3}))
"""
    resumed = await said_again(executor, command_job(tmp_path, script))

    assert losses(resumed) == [(2, 0.2), (3, 0.3)]
    assert (tmp_path / "again").read_text() == "2"


async def test_a_command_that_declares_no_final_objective_is_not_run_for_one(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    job = command_job(tmp_path, """open("ran", "w"); print('{"val_loss": 1}')""")
    options = {**job.trainer.options, "final_objective": None}
    undeclared = replace(job, trainer=replace(job.trainer, options=options), final=True)
    (ended,) = await said(executor, undeclared)

    assert isinstance(ended, Ended) and ended.outcome is Outcome.RAISED
    assert "declares no final_objective" in ended.reason
    assert not (tmp_path / "ran").exists()


async def test_a_final_training_tells_the_command_and_waits_for_what_it_then_measures(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    script = """
final = os.environ["MCP_AUTOML_FINAL"]
print(json.dumps({"val_loss": 9.0, "final": final}))
if final == "true":
    print(json.dumps({"test_loss": 0.5}))
"""
    job = command_job(tmp_path, script)
    measured, ended = await said(executor, replace(job, final=True))
    assert isinstance(measured, Measurement) and measured.metrics == {"test_loss": 0.5}
    assert ended == Ended(outcome=Outcome.COMPLETED)


@pytest.mark.parametrize("cpu_cores", [1, 2])
async def test_a_command_has_the_cores_that_it_declares_and_sees_no_gpu_that_it_does_not_want(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu_cores: int
) -> None:
    hide_main_module()
    monkeypatch.setattr(devices, "usable_cores", lambda: 2)
    names = ["MCP_AUTOML_THREADS", "OMP_NUM_THREADS", "MCP_AUTOML_DEVICE", "CUDA_VISIBLE_DEVICES"]
    script = f"""
json.dump([os.environ.get(name) for name in {names}], open("note", "w"))
subprocess.run(["sh", "-c", 'echo "$MCP_AUTOML_PARAM_MAX_LR" > shell'], check=True)
print(json.dumps({{"val_loss": 0.5}}))
"""
    job = command_job(tmp_path, script, **{"max-lr": 0.5})
    need = replace(job.trainer, gpus=0, cpu_cores=cpu_cores).need()
    gpu = devices.Device(label="cuda:0", kind="cuda", name="G", uuid="GPU-abc")
    with fail_after(JOB_SECONDS):
        async with LocalExecutor(devices=[gpu]) as executor:
            slot = taken_slot(executor, need)
            async with executor.launch(job, slot) as attempt:
                *_, ended = await followed(attempt)

    assert ended == Ended(outcome=Outcome.COMPLETED)
    cores = str(cpu_cores)
    assert json.loads((tmp_path / "note").read_text()) == [cores, cores, "cpu", ""]
    assert (tmp_path / "shell").read_text() == "0.5\n"
    assert (slot.label, slot.usd_per_hour) == ("cpu", cpu_cores * 0.05)


async def test_an_executor_refuses_what_its_machine_can_never_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hide_main_module()
    monkeypatch.setattr(devices, "usable_cores", lambda: 2)
    async with LocalExecutor() as executor:
        executor.check(Need(cpu_cores=2))
        with pytest.raises(TrainerUnavailable, match=r"'big' .* cpu_cores = 3, .* has 2 CPU cores"):
            executor.check(Need(trainer="big", cpu_cores=3))
