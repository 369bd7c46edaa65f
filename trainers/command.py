"""Any command in any language as a trainer: parameters go in, measurements come out.

Theory of operation
-------------------
The command gets each parameter three times: as `--name value`, as the variable
`MCP_AUTOML_PARAM_NAME` (`variables`), and in the JSON file that `MCP_AUTOML_PARAMS_FILE` names. It
is heard in one of two ways: a line on its stdout that is a JSON object with the objective in it is
a measurement (`printed`), or what it logs to MLflow is one (`mlflow_endpoint`). Whatever else it
prints goes to the log. Its last line on stderr says why it failed.

It runs in this process's group, so that whoever ends the group ends it and what it has started. It
is followed until it exits: a process that it leaves behind, holding its stdout, keeps nobody.

Every measurement is noted in the working folder before it is yielded. Called again there, the
trainer repeats the last one and tells the command its epoch; a command that cannot resume begins
again, and what it measures a second time is left out.
"""

import contextlib
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from trainers.checkpoints import checkpoint_folder, replace_atomically
from trainers.contract import Context, Interrupted, Measurement, Value
from trainers.following import Follower
from trainers.printed import Printed
from trainers.variables import variable

SHOWN = 80
"""Characters of the command in a reason."""

OUT_OF_MEMORY = re.compile(r"([\w.]*\.)?(OutOfMemoryError|MemoryError)\b|CUDA out of memory")

Params = Mapping[str, Value]
"""Every parameter by its name."""

Way: TypeAlias = Literal["json", "mlflow"]
"""How a command says what it has measured: lines on stdout, or MLflow's metrics."""


class Voice(Protocol):
    """A command's measurements, in whatever way it says them."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What the command is to be given for it."""

    @property
    def step(self) -> int | None:
        """What the command itself calls the last epoch, if that is another number."""

    def heard(self, follower: Follower) -> Iterator[dict[str, float]]:
        """Metrics as they come, until the command exits; `epoch` may be among them."""

    def silence(self) -> str:
        """Why there was no measurement; the command is the subject."""

    def close(self) -> None:
        """Hears nothing any more."""


def bind(
    command: Sequence[str],
    folder: str,
    objective: str,
    measurements: Way = "json",
    final_objective: str | None = None,
) -> "Command":
    """The trainer that a command is.

    Args:
        command: the program and its first arguments.
        folder: where it runs.
        objective: the metric that makes what it says a measurement.
        measurements: how it says that.
        final_objective: the metric of a final training; None where it knows no such thing.
    """
    return Command(
        words=tuple(command),
        folder=Path(folder),
        objective=objective,
        measurements=measurements,
        final_objective=final_objective,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """See the top of this file; what a worker finds in it is what it finds in a module."""

    words: tuple[str, ...]
    folder: Path
    objective: str
    measurements: Way = "json"
    final_objective: str | None = None

    def Config(self, **params: Value) -> Params:
        """Every parameter by its name, whatever there is."""
        return params

    def train(self, config: Params, context: Context) -> Iterator[Measurement]:
        """Runs the command; each epoch that it has not measured before is a measurement.

        Raises:
            RuntimeError, MemoryError: it failed; the message ends with its last line on stderr.
            Interrupted: it was ended by a signal.
            ValueError: it measured an epoch that is none.
        """
        last, step = _recall(context.workdir)
        if last is not None:
            yield last
        reached = 0 if last is None else last.epoch
        voice = self._voice(context, reached, step)
        with contextlib.ExitStack() as stack:
            stack.callback(voice.close)
            process = self._start(config, context, reached, voice)
            follower = Follower(process)
            stack.callback(follower.close)
            for measurement in _measurements(voice.heard(follower)):
                if measurement.epoch > reached:
                    reached = measurement.epoch
                    _remember(context.workdir, measurement, voice.step)
                    yield measurement
            self._check(process.wait(), follower.last_error)
            if not reached:
                raise RuntimeError(f"{self._shown()} {voice.silence()}")

    def _voice(self, context: Context, reached: int, step: int | None) -> Voice:
        objective = self.final_objective if context.final else self.objective
        if objective is None:
            raise ValueError("the command declares no final_objective")
        if self.measurements == "json":
            return Printed(objective=objective)
        # Here, because it costs each worker some milliseconds that most do not need.
        from trainers.mlflow_endpoint import Endpoint

        return Endpoint(objective=objective, workdir=context.workdir, reached=reached, step=step)

    def _start(
        self, config: Params, context: Context, reached: int, voice: Voice
    ) -> "subprocess.Popen[bytes]":
        folder = checkpoint_folder(context.workdir)
        folder.mkdir(parents=True, exist_ok=True)
        program, *rest = self.words
        return subprocess.Popen(
            [_program(program), *rest, *_arguments(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, **_environment(config, context, reached), **voice.environment},
        )

    def _check(self, code: int, last_error: str) -> None:
        """Raises unless the command has ended well."""
        if code < 0:
            raise Interrupted(f"{self._shown()} was ended by signal {-code} ({_name(-code)})")
        if code:
            word = last_error or "no word on stderr"
            reason = f"{self._shown()} ended with exit code {code}: {word}"
            raise MemoryError(reason) if OUT_OF_MEMORY.match(last_error) else RuntimeError(reason)

    def _shown(self) -> str:
        command = shlex.join(self.words)
        return command if len(command) <= SHOWN else f"{command[: SHOWN - 1]}…"


# --- what the command is given ------------------------------------------------------------------


def _program(name: str) -> str:
    """The program; `python` is the one that runs this where there is no other."""
    if name in ("python", "python3") and shutil.which(name) is None:
        return sys.executable
    return name


def _arguments(config: Params) -> Iterator[str]:
    for name, value in config.items():
        if value is not None:
            yield from (f"--{name}", _text(value))


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _environment(config: Params, context: Context, reached: int) -> Mapping[str, str]:
    file = context.workdir / "params.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    given = {name: _text(value) for name, value in config.items() if value is not None}
    return {
        # What it prints shall be heard when it is printed.
        "PYTHONUNBUFFERED": "1",
        **{variable(name): text for name, text in given.items()},
        "MCP_AUTOML_PARAMS_FILE": str(file),
        "MCP_AUTOML_WORKDIR": str(context.workdir),
        "MCP_AUTOML_DATA_DIR": str(context.data_dir),
        "MCP_AUTOML_CHECKPOINT_DIR": str(checkpoint_folder(context.workdir)),
        "MCP_AUTOML_RESUME_EPOCH": str(reached),
        "MCP_AUTOML_DEVICE": context.device,
        "MCP_AUTOML_THREADS": str(context.threads),
        "MCP_AUTOML_SEED": str(context.seed),
        "MCP_AUTOML_FINAL": _text(context.final),
    }


# --- what it says -------------------------------------------------------------------------------


def _measurements(heard: Iterator[dict[str, float]]) -> Iterator[Measurement]:
    began, epoch = time.monotonic(), 0
    for metrics in heard:
        epoch = _epoch(metrics.pop("epoch", epoch + 1))
        now = time.monotonic()
        yield Measurement(epoch=epoch, metrics=metrics, seconds=now - began)
        began = now


def _epoch(number: float) -> int:
    if not math.isfinite(number) or number < 1 or number != int(number):
        raise ValueError(f"epochs are whole numbers from 1 on; the command measured epoch {number}")
    return int(number)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


# --- what is kept -------------------------------------------------------------------------------


def _remember(workdir: Path, measurement: Measurement, step: int | None) -> None:
    told = json.dumps({**asdict(measurement), "step": step})
    replace_atomically(_note(workdir), lambda path: path.write_text(told, encoding="utf-8"))


def _recall(workdir: Path) -> tuple[Measurement | None, int | None]:
    """The last measurement of an earlier attempt, if there was one, and its step."""
    try:
        told = json.loads(_note(workdir).read_text(encoding="utf-8"))
        step = told.pop("step", None)
        return Measurement(**told), step
    except (OSError, ValueError, TypeError, AttributeError):
        return None, None


def _note(workdir: Path) -> Path:
    return workdir / "measured.json"
