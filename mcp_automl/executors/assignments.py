"""What every executor says to a worker, and how it hears whether a trainer is ready."""

from mcp_automl.domain.errors import TrainerUnavailable
from mcp_automl.domain.jobs import Job, Prepared, Slot, TrainerRef
from mcp_automl.worker.code import Code
from mcp_automl.worker.training import Assignment
from mcp_automl.worker.wire import LastWord, Message, Ready


def assignment(job: Job, slot: Slot) -> Assignment:
    """The job in that slot, in the worker's words."""
    return Assignment(
        trainer=code(job.trainer),
        params=dict(job.params),
        workdir=job.workdir,
        data_dir=job.data_dir,
        device=slot.device,
        threads=slot.threads,
        seed=job.seed,
        final=job.final,
    )


def code(trainer: TrainerRef) -> Code:
    """Where the trainer is, in the worker's words."""
    return Code(module=trainer.module, options=dict(trainer.options))


def prepared(trainer: TrainerRef, message: Message | None) -> Prepared:
    """What the trainer answered; None is the silence of one whose process ended.

    Raises:
        TrainerUnavailable: the trainer cannot be imported, or its data cannot be had.
    """
    match message:
        case Ready(prepared=ready):
            return Prepared(arguments=ready.arguments, description=ready.description)
        case LastWord(reason=reason):
            raise TrainerUnavailable(f"{trainer.name} cannot be used: {reason}")
        case _:
            raise TrainerUnavailable(
                f"{trainer.name} cannot be used: its process ended while preparing the data"
            )
