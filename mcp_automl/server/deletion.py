"""A study deleted, as a tool with its text."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_automl.answers import Deleted
from mcp_automl.domain.costs import MARK
from mcp_automl.server.parameters import Existing
from mcp_automl.server.replies import reply, tool
from mcp_automl.server.shapes import Model, significant
from mcp_automl.server.words import dollars, note_lines, plain, plain_notes, quoted

if TYPE_CHECKING:
    from mcp_automl.service import Service

Confirmation = Annotated[str, Field(description="The same name again, exactly")]


class DeletedModel(Model):
    name: str
    trials: int
    cost_usd: float
    notes: list[str]

    @classmethod
    def of(cls, answer: Deleted) -> "DeletedModel":
        return cls(
            name=plain(answer.study.config.name),
            trials=answer.trials,
            cost_usd=significant(answer.cost_usd),
            notes=plain_notes(answer.notes),
        )


class DeletionTools:
    """The tools that destroy, over one workspace's use cases."""

    def __init__(self, service: "Callable[[], Service]") -> None:
        self._service = service

    def all(self) -> list[Tool]:
        """The tools in the order in which clients list them."""
        title = "Delete an AutoML study"
        return [tool(self.delete_automl_study, title, writes=True, destroys=True)]

    def delete_automl_study(
        self, study_name: Existing, confirm_name: Confirmation
    ) -> Annotated[CallToolResult, DeletedModel]:
        """Deletes for good a study that has ended: trials, models, logs. What it cost still counts.

        Use it only when the user asks for that very study to be deleted. A running one is refused.
        """
        return reply(
            "delete_automl_study",
            lambda: self._service().delete_study(study_name, confirm_name),
            deleted,
            DeletedModel.of,
        )


def deleted(answer: Deleted) -> str:
    """What is gone, and what stays where."""
    name = answer.study.config.name
    trials = "1 trial" if answer.trials == 1 else f"{answer.trials} trials"
    cost = f"its cost of {dollars(answer.cost_usd)}, in get_cost_report as {quoted(name + MARK)}"
    anew = f"start_automl_study(study_name={quoted(name)}) begins a new one of that name"
    head = f"[OK] AutoML Study Deleted: {plain(name)}"
    gone = f"Gone: {trials}, with models and logs"
    stays = f"Stays: {cost}; its exports; its runs in MLflow"
    return "\n".join([head, gone, stays, *note_lines(answer.notes), f"Next: {anew}, from nothing"])
