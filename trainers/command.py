"""Any command in any language as a trainer: parameters go in, lines of JSON come out.

Theory of operation
-------------------
The command gets each parameter three times: as `--name value`, as the variable
`MCP_AUTOML_PARAM_NAME`, and in the JSON file that `MCP_AUTOML_PARAMS_FILE` names. A line on its
stdout that is a JSON object with the objective in it is a measurement; whatever else it prints goes
to the log. Its last line on stderr says why it failed.

It runs in this process's group, so that whoever ends the group ends it and what it has started. It
is followed until it exits: a process that it leaves behind, holding its stdout, keeps nobody.

Every measurement is noted in the working folder before it is yielded. Called again there, the
trainer repeats the last one and tells the command its epoch; a command that cannot resume begins
again, and what it measures a second time is left out.
"""

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

from trainers.checkpoints import checkpoint_folder, replace_atomically
from trainers.contract import Context, Interrupted, Measurement, Value
from trainers.following import Follower, log

SHOWN = 80
"""Characters of the command in a reason."""

OUT_OF_MEMORY = re.compile(r"([\w.]*\.)?(OutOfMemoryError|MemoryError)\b|CUDA out of memory")

Params = Mapping[str, Value]
"""Every parameter by its name."""


def bind(
    command: Sequence[str], folder: str, objective: str, final_objective: str | None = None
) -> "Command":
    """The trainer that a command is.

    Args:
        command: the program and its first arguments.
        folder: where it runs.
        objective: the metric that makes a line a measurement.
        final_objective: the same for a final training; None where it knows no such thing.
    """
    return Command(
        words=tuple(command),
        folder=Path(folder),
        objective=objective,
        final_objective=final_objective,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """See the top of this file; what a worker finds in it is what it finds in a module."""

    words: tuple[str, ...]
    folder: Path
    objective: str
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
        last = _recall(context.workdir)
        if last is not None:
            yield last
        reached = 0 if last is None else last.epoch
        process = self._start(config, context, reached)
        follower = Follower(process)
        try:
            for measurement in self._measurements(follower, self._awaited(context)):
                if measurement.epoch > reached:
                    reached = measurement.epoch
                    _remember(context.workdir, measurement)
                    yield measurement
            awaited = None if reached else self._awaited(context)
            self._check(process.wait(), follower.last_error, awaited)
        finally:
            follower.close()

    def _start(self, config: Params, context: Context, reached: int) -> "subprocess.Popen[bytes]":
        folder = checkpoint_folder(context.workdir)
        folder.mkdir(parents=True, exist_ok=True)
        program, *rest = self.words
        return subprocess.Popen(
            [_program(program), *rest, *_arguments(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, **_environment(config, context, reached)},
        )

    def _awaited(self, context: Context) -> str:
        """The metric that makes a line a measurement.

        Raises:
            ValueError: it is a final training, and there is none for that.
        """
        if not context.final:
            return self.objective
        if self.final_objective is None:
            raise ValueError("the command declares no final_objective")
        return self.final_objective

    def _measurements(self, follower: "Follower", awaited: str) -> Iterator[Measurement]:
        began, epoch = time.monotonic(), 0
        for line in follower.lines():
            metrics = _metrics(line, awaited)
            if metrics is None:
                log(line)
                continue
            epoch = _epoch(metrics.pop("epoch", epoch + 1))
            now = time.monotonic()
            yield Measurement(epoch=epoch, metrics=metrics, seconds=now - began)
            began = now

    def _check(self, code: int, last_error: str, awaited: str | None) -> None:
        """Raises unless the command has ended well.

        Args:
            awaited: the metric that it has not measured once; None if it has.
        """
        command = shlex.join(self.words)
        command = command if len(command) <= SHOWN else f"{command[: SHOWN - 1]}…"
        if code < 0:
            raise Interrupted(f"{command} was ended by signal {-code} ({_name(-code)})")
        if code:
            reason = f"{command} ended with exit code {code}: {last_error or 'no word on stderr'}"
            raise MemoryError(reason) if OUT_OF_MEMORY.match(last_error) else RuntimeError(reason)
        if awaited is not None:
            example = json.dumps({"epoch": 1, awaited: 0.31})
            raise RuntimeError(f"{command} printed no measurement; a line such as {example} is one")


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
        **{f"MCP_AUTOML_PARAM_{name.upper()}": text for name, text in given.items()},
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


def _metrics(line: bytes, awaited: str) -> dict[str, float] | None:
    """The numbers of a line, if it is a measurement."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if awaited not in told:
        return None
    # JavaScript, for one, writes a number that is none as null.
    objective = told[awaited]
    told[awaited] = math.nan if objective is None else objective
    return {name: _number(value) for name, value in told.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


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


def _remember(workdir: Path, measurement: Measurement) -> None:
    told = json.dumps(asdict(measurement))
    replace_atomically(_note(workdir), lambda path: path.write_text(told, encoding="utf-8"))


def _recall(workdir: Path) -> Measurement | None:
    """The last measurement of an earlier attempt, if there was one."""
    try:
        return Measurement(**json.loads(_note(workdir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _note(workdir: Path) -> Path:
    return workdir / "measured.json"
