"""Training jobs and the queue as structure."""

from typing import Any

from pydantic import Field

from mcp_automl.domain.queue import Turn
from mcp_automl.domain.verification import Verification
from mcp_automl.job_answers import Cancelled, Held, JobShown, JobStarted, Queue
from mcp_automl.server import job_text
from mcp_automl.server.shapes import Model, Scalar, rounded, scalars
from mcp_automl.server.words import moment, plain, plain_notes


class VerificationModel(Model):
    best_mean: float | None
    best_sd: float | None
    second_mean: float | None
    second_sd: float | None
    difference: float | None
    noise: float | None
    verdict: str

    @classmethod
    def of(cls, it: Verification) -> "VerificationModel":
        words = "better" if it.is_better else "worse" if it.is_worse else "within the noise"
        words = words if it.seeds_matter else "seeds change nothing"
        return cls(
            best_mean=rounded(it.best.mean),
            best_sd=rounded(it.best.spread),
            second_mean=rounded(it.second.mean),
            second_sd=rounded(it.second.spread),
            difference=rounded(it.difference),
            noise=rounded(it.noise),
            verdict=words,
        )


class JobModel(Model):
    job_id: str
    model: str
    state: str
    reason: str
    data: str
    params: dict[str, Scalar]
    final: bool
    objective: str
    value: float | None
    epoch: int
    metrics: dict[str, float | None]
    cost_usd: float | None
    elapsed_s: float | None
    created_at: str | None
    model_file: str | None
    mlflow_experiment: str
    mlflow_search: str
    verification: VerificationModel | None
    notes: list[str]

    @classmethod
    def of(cls, answer: JobShown) -> "JobModel":
        job, config = answer.job, answer.job.config
        assert config.job is not None
        metrics = answer.last.metrics if answer.last else {}
        return cls(
            job_id=config.name,
            model=plain(config.model),
            state=job.state.value,
            reason=plain(job.reason, 400),
            data=plain(job.data),
            params=scalars(config.job.points[0]),
            final=config.job.final,
            objective=plain(config.objective.name),
            value=rounded(answer.value),
            epoch=answer.last.epoch if answer.last else 0,
            metrics={plain(name, 40): rounded(value) for name, value in metrics.items()},
            cost_usd=rounded(answer.cost_usd),
            elapsed_s=rounded(answer.elapsed_s),
            created_at=moment(job.created_at),
            model_file=str(answer.model_file) if answer.model_file else None,
            mlflow_experiment=plain(answer.run.experiment),
            mlflow_search=plain(answer.run.search, 400),
            verification=VerificationModel.of(answer.verification) if answer.verification else None,
            notes=plain_notes(answer.notes),
        )


class JobStartedModel(Model):
    job_id: str
    model: str
    params: dict[str, Scalar]
    final: bool
    objective: str
    expected_s: float | None
    expected_usd: float | None
    notes: list[str]

    @classmethod
    def of(cls, answer: JobStarted) -> "JobStartedModel":
        config, quote = answer.job.config, answer.quote
        assert config.job is not None
        return cls(
            job_id=config.name,
            model=plain(config.model),
            params=scalars(config.job.points[0]),
            final=config.job.final,
            objective=plain(config.objective.name),
            expected_s=rounded(quote.seconds.expected) if quote.seconds else None,
            expected_usd=rounded(quote.usd.expected) if quote.usd else None,
            notes=plain_notes(answer.notes),
        )


class HeldModel(Model):
    job: str
    slot: str
    device: str
    epoch: int
    epochs: int | None
    value: float | None
    elapsed_s: float | None
    remaining_s: float | None

    @classmethod
    def of(cls, held: Held) -> "HeldModel":
        it = held.holding
        name = it.study.config.name
        return cls(
            job=plain(name if it.study.config.job else f"{name}.{it.trial}", 80),
            slot=plain(it.slot),
            device=plain(it.device),
            epoch=it.epoch,
            epochs=it.epochs,
            value=rounded(it.value),
            elapsed_s=rounded(held.elapsed_s),
            remaining_s=rounded(held.remaining_s),
        )


class TurnModel(Model):
    name: str
    priority: str
    trainings: int
    starts_in_s: float | None
    pending_usd: float | None

    @classmethod
    def of(cls, turn: Turn) -> "TurnModel":
        it = turn.waiting
        return cls(
            name=plain(it.study.config.name),
            priority=it.study.config.priority.value,
            trainings=it.missing,
            starts_in_s=rounded(turn.starts_in_s),
            pending_usd=rounded(it.pending_usd),
        )


class QueueModel(Model):
    slots: int
    devices: str
    running: list[HeldModel]
    waiting: list[TurnModel] = Field(description="Next first; at most 10")
    waiting_total: int
    ended: list[dict[str, Any]] = Field(description="Latest ended jobs: job_id, state, value")

    @classmethod
    def of(cls, answer: Queue) -> "QueueModel":
        return cls(
            slots=answer.slots,
            devices=plain(answer.devices),
            running=[HeldModel.of(it) for it in answer.held],
            waiting=[TurnModel.of(it) for it in answer.turns[: job_text.MAX_WAITING]],
            waiting_total=len(answer.turns),
            ended=[_ended(it) for it in answer.ended[: job_text.MAX_ENDED]],
        )


class QueueStatusModel(Model):
    queue: QueueModel | None
    job: JobModel | None = Field(description="With job_id, in place of queue")

    @classmethod
    def of_queue(cls, answer: Queue) -> "QueueStatusModel":
        return cls(queue=QueueModel.of(answer), job=None)

    @classmethod
    def of_job(cls, answer: JobShown) -> "QueueStatusModel":
        return cls(queue=None, job=JobModel.of(answer))


class CancelledModel(Model):
    job_id: str
    state: str
    changed: bool

    @classmethod
    def of(cls, answer: Cancelled) -> "CancelledModel":
        job = answer.job
        return cls(job_id=job.config.name, state=job.state.value, changed=answer.ran)


def _ended(answer: JobShown) -> dict[str, Any]:
    shown = JobModel.of(answer)
    return {"job_id": shown.job_id, "state": shown.state, "value": shown.value}
