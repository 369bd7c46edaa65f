"""The tools about training jobs and the queue, and the same as resources."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import BeforeValidator, Field

from mcp_automl.domain.job_request import MAX_SEEDS, MIN_SEEDS, JobRequest
from mcp_automl.domain.training_job import Priority
from mcp_automl.server import job_text
from mcp_automl.server.job_models import (
    CancelledModel,
    JobModel,
    JobStartedModel,
    QueueModel,
    QueueStatusModel,
)
from mcp_automl.server.parameters import number
from mcp_automl.server.replies import reply, tool
from mcp_automl.server.resources import JSON, read

if TYPE_CHECKING:
    from mcp_automl.service import Service

Whole = Annotated[int | None, BeforeValidator(number)]
Real = Annotated[float | None, BeforeValidator(number)]
ModelName = Annotated[
    str | None, Field(description="Default: mnist, or the study's", examples=["llm"])
]
Parameters = Annotated[
    Any,
    Field(
        description="Other parameters by name",
        examples=[{"optimizer": "sgd"}],
        json_schema_extra={"anyOf": [{"type": "object"}, {"type": "null"}]},
    ),
]
PriorityName = Annotated[
    str | None,
    Field(json_schema_extra={"enum": [*(member.value for member in Priority), None]}),
]
OfStudy = Annotated[
    str | None,
    Field(description="Takes this study's best parameters and data; others given go before them"),
]
Final = Annotated[
    bool | None,
    Field(description="False trains as trials do. Default: with the validation data, too"),
]
Register = Annotated[bool | None, Field(description="Register the model in MLflow")]
Seeds = Annotated[
    int | None,
    BeforeValidator(number),
    Field(
        description="With study_name alone: train its best two so often, to see whether the win "
        "is real",
        json_schema_extra={"minimum": MIN_SEEDS, "maximum": MAX_SEEDS},
    ),
]
JobId = Annotated[str, Field(examples=["job-3"])]


class JobTools:
    """The tools about training jobs over one workspace's use cases."""

    def __init__(self, service: "Callable[[], Service]") -> None:
        self._service = service

    def all(self) -> list[Tool]:
        """The tools in the order in which clients list them."""
        return [
            tool(self.trigger_training_job, "Train a model", writes=True, repeats=True),
            tool(self.get_queue_status, "What the machine is busy with"),
            tool(self.cancel_job, "Cancel a training job", writes=True, destroys=True),
        ]

    def trigger_training_job(
        self,
        model_type: ModelName = None,
        epochs: Whole = None,
        lr: Real = None,
        batch_size: Whole = None,
        weight_decay: Real = None,
        params: Parameters = None,
        priority: PriorityName = None,
        study_name: OfStudy = None,
        run_name: str | None = None,
        final: Final = None,
        register: Register = None,
        verify_seeds: Seeds = None,
    ) -> Annotated[CallToolResult, JobStartedModel]:
        """Trains one model in the background with given parameters, or with a study's best ones.

        Use it for the model to keep, once get_automl_best_params has named the parameters. Returns
        a job id at once: get_queue_status with it tells how far it is and, at its end, the result,
        the model file and the MLflow run.
        """
        asked = JobRequest(
            model=model_type, epochs=epochs, lr=lr, batch_size=batch_size,
            weight_decay=weight_decay, params=params, priority=priority, study=study_name,
            run_name=run_name, final=final, register=register, verify_seeds=verify_seeds,
        )  # fmt: skip
        return reply(
            "trigger_training_job",
            lambda: self._service().desk.jobs.start(asked),
            job_text.started,
            JobStartedModel.of,
        )

    def get_queue_status(
        self, job_id: JobId | None = None
    ) -> Annotated[CallToolResult, QueueStatusModel]:
        """Tells what holds the slots, what waits in which order and how long; or one job's result.

        Use it to see why nothing starts, or with job_id to follow a training job.
        """
        if job_id is not None:
            return reply(
                "get_queue_status",
                lambda: self._service().desk.jobs.show(job_id),
                job_text.shown,
                QueueStatusModel.of_job,
            )
        return reply(
            "get_queue_status",
            lambda: self._service().desk.queue.show(),
            job_text.queue,
            QueueStatusModel.of_queue,
        )

    def cancel_job(self, job_id: JobId) -> Annotated[CallToolResult, CancelledModel]:
        """Ends a training job that waits or runs; one that has ended is left as it is.

        What it has trained so far is not gone on with. A study's trials are stopped by
        stop_automl_study.
        """
        return reply(
            "cancel_job",
            lambda: self._service().desk.jobs.cancel(job_id),
            job_text.cancelled,
            CancelledModel.of,
        )


def add_job_resources(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    """Gives the server the queue and its training jobs."""

    @server.resource(
        "automl://queue",
        name="queue",
        title="The queue",
        description="Who holds slots, who waits in which order, and for how long.",
        mime_type=JSON,
    )
    def queue() -> str:
        return read(lambda: QueueModel.of(service().desk.queue.show()).model_dump_json())

    @server.resource(
        "automl://jobs/{id}",
        name="job",
        title="A training job",
        description="Where one training job stands: result, cost, model file and MLflow run.",
        mime_type=JSON,
    )
    def job(id: str) -> str:
        return read(lambda: JobModel.of(service().desk.jobs.show(id)).model_dump_json())
