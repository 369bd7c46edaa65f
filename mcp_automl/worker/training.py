"""One training from its trainer's name to its last word, wherever it runs.

Nothing here knows of processes: `worker.main` runs it in one of its own, `executors.inline` in a
thread.
"""

import inspect
import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from mcp_automl.worker.code import Code, configuration, load
from mcp_automl.worker.wire import Ending, LastWord, Measured, Message, Ready
from trainers.checkpoints import latest_checkpoint
from trainers.contract import Context, Interrupted, Measurement, Prepared, Value

MAX_REASON = 500
"""Characters of an exception's last line."""

OUT_OF_MEMORY_TEXTS = (
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator: can't allocate memory",
)
"""How torch says so in exceptions that are not its `OutOfMemoryError`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What to train, with what, and where."""

    trainer: Code
    params: Mapping[str, Value]
    """Everything its `Config` gets."""
    workdir: Path
    data_dir: Path
    device: str
    threads: int
    seed: int
    final: bool = False


def run_to_the_end(assignment: Assignment, ask: Callable[[Measured], bool]) -> LastWord:
    """Trains until the trainer has finished, raised, or `ask` has said to stop; never raises.

    Args:
        ask: takes each measurement and answers whether to go on.
    """
    try:
        return _train(assignment, ask)
    # The boundary to code of others: whatever it raises, SystemExit included, is its last word.
    except BaseException as error:  # noqa: ASYNC103 (nothing here is async)
        logger.exception("%s failed", assignment.trainer.module)
        return last_word(error)


def prepare(code: Code, data_dir: Path, constants: Mapping[str, Value]) -> Message:
    """Lets a trainer fetch its data; one that has nothing to prepare is ready. Never raises.

    Args:
        constants: what the study has fixed; the trainer hears of what its `prepare` asks for.
    """
    try:
        trainer = load(code)
        data_dir.mkdir(parents=True, exist_ok=True)
        if not hasattr(trainer, "prepare"):
            return Ready(prepared=Prepared(arguments={}, description=""))
        wanted = inspect.signature(trainer.prepare).parameters.keys() & constants.keys()
        fixed = {name: constants[name] for name in wanted}
        return Ready(prepared=trainer.prepare(data_dir, **fixed))
    except BaseException as error:  # noqa: ASYNC103 (nothing here is async)
        logger.exception("%s could not be prepared", code.module)
        return last_word(error)


def last_word(error: BaseException) -> LastWord:
    """What is said of a training that ended by an exception."""
    if isinstance(error, Interrupted):
        return LastWord(ending=Ending.KILLED, reason=one_line(str(error)))
    ending = Ending.OUT_OF_MEMORY if is_out_of_memory(error) else Ending.RAISED
    return LastWord(ending=ending, reason=last_line(error))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the GPU or the host; torch need not be importable to tell."""
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    if isinstance(error, MemoryError) or ("torch", "OutOfMemoryError") in kinds:
        return True
    text = str(error) if isinstance(error, RuntimeError) else ""
    return any(saying in text for saying in OUT_OF_MEMORY_TEXTS)


def last_line(error: BaseException) -> str:
    """An exception's type and message as one printable line of bounded length."""
    return one_line("".join(traceback.format_exception_only(error)))


def one_line(text: str) -> str:
    """A text as one printable line of bounded length."""
    line = " ".join(text.split())
    printable = "".join(letter for letter in line if letter.isprintable())
    return printable if len(printable) <= MAX_REASON else printable[: MAX_REASON - 1] + "…"


def _train(assignment: Assignment, ask: Callable[[Measured], bool]) -> LastWord:
    trainer = load(assignment.trainer)
    spec = getattr(trainer, "SPEC", None)
    if assignment.final and spec is not None and spec.final_objective is None:
        # It would train as it always does, and the model be taken for a final one.
        raise ValueError("its SPEC declares no final_objective")
    assignment.workdir.mkdir(parents=True, exist_ok=True)
    measurements = trainer.train(configuration(trainer, assignment.params), _context(assignment))
    for measurement in measurements:
        checked = _checked(measurement)
        _log(checked)
        if not ask(Measured(measurement=checked, gpu_memory_gb=_gpu_memory_gb())):
            _close(measurements)
            return LastWord(ending=Ending.STOPPED)
    return LastWord(ending=Ending.COMPLETED)


def _context(assignment: Assignment) -> Context:
    return Context(
        workdir=assignment.workdir,
        data_dir=assignment.data_dir,
        device=assignment.device,
        threads=assignment.threads,
        seed=assignment.seed,
        resume_from=latest_checkpoint(assignment.workdir),
        final=assignment.final,
    )


def _close(measurements: object) -> None:
    close = getattr(measurements, "close", None)
    if close is None:
        return
    try:
        close()
    except Exception:
        # It was told to stop and has stopped; that it stumbled over it changes nothing.
        logger.exception("the trainer raised while it was being stopped")


def _checked(measurement: Measurement) -> Measurement:
    """The same in plain Python numbers: trainers are apt to yield numpy's or torch's."""
    if not hasattr(measurement, "metrics"):
        raise TypeError(f"train() yielded {type(measurement).__name__}, not Measurement")
    if measurement.epoch < 1:
        raise ValueError(f"epochs are counted from 1, not {measurement.epoch}")
    return Measurement(
        epoch=int(measurement.epoch),
        metrics={str(name): float(value) for name, value in measurement.metrics.items()},
        seconds=float(measurement.seconds),
    )


def _log(measured: Measurement) -> None:
    """Leaves a line in the log, which a trainer that prints nothing would leave empty; 15 us."""
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in measured.metrics.items())
    logger.info("epoch %d: %s", measured.epoch, one_line(metrics))


def _gpu_memory_gb() -> float:
    """The most that torch has reserved on the GPU, without importing torch or waking CUDA."""
    torch: ModuleType | None = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0.0
    return float(torch.cuda.max_memory_reserved()) / 2**30
