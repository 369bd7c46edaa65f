"""What clients can pull: studies and costs, structured as by the tools, and the logs of jobs."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from pydantic import ValidationError

from mcp_automl.domain.errors import (
    AutomlError,
    ExportNotFound,
    InvalidRequest,
    JobNotFound,
    NothingToShow,
    StudyNotFound,
    TrialNotFound,
)
from mcp_automl.server import text
from mcp_automl.server.costs import CostsModel
from mcp_automl.server.failures import of_settings, sentence
from mcp_automl.server.listing import StudiesModel
from mcp_automl.server.models import StatusModel
from mcp_automl.server.words import plain

if TYPE_CHECKING:
    from mcp_automl.service import Service

JSON = "application/json"

NOWHERE = (
    InvalidRequest,
    StudyNotFound,
    TrialNotFound,
    JobNotFound,
    ExportNotFound,
    NothingToShow,
)
"""Errors about the address: nothing is there, or not yet."""


def add_resources(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    """Gives the server studies, costs, and the logs of jobs."""
    _add_studies(server, service)
    _add_others(server, service)


def _add_studies(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:

    @server.resource(
        "automl://studies",
        name="studies",
        title="AutoML studies",
        description="All studies of this workspace, newest first.",
        mime_type=JSON,
    )
    def studies() -> str:
        return read(lambda: StudiesModel.of(service().studies()).model_dump_json())

    @server.resource(
        "automl://studies/{name}",
        name="study",
        title="An AutoML study",
        description="Where one study stands: counts, best trial, running trials, time and cost.",
        mime_type=JSON,
    )
    def study(name: str) -> str:
        return read(lambda: StatusModel.of(service().status(name)).model_dump_json())


def _add_others(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    @server.resource(
        "automl://costs",
        name="costs",
        title="What AutoML has cost",
        description="What every study has cost, the dearest first, with the total.",
        mime_type=JSON,
    )
    def costs() -> str:
        return read(lambda: CostsModel.of(service().cost_report()).model_dump_json())

    @server.resource(
        "automl://jobs/{id}/log",
        name="job-log",
        title="A training's log",
        description="What a training printed last; id is STUDY_NAME.NUMBER or job-NUMBER.",
        mime_type="text/plain",
    )
    def log(id: str) -> str:
        return read(lambda: text.job_log(service().job_log(id)))


def read(ask: Callable[[], str]) -> str:
    """What was asked for; an error in the SDK's words for it."""
    try:
        return ask()
    except NOWHERE as error:
        raise ResourceNotFoundError(sentence(error)) from error
    except AutomlError as error:
        raise ResourceError(sentence(error)) from error
    except ValidationError as error:
        if error.title != "Settings":
            raise
        raise ResourceError(of_settings(error)) from error


def nothing_at(uri: str, known: Iterable[str]) -> str:
    """That an address is of no kind, and of which kinds there are."""
    there_are = ", ".join(it for it in known if it.startswith("automl://"))
    return f"there is nothing at {plain(uri, 80)}; there are {there_are}"


def whole(name: str, text: str) -> int:
    """A whole number in an address.

    Raises:
        InvalidRequest: it is none, or larger than any here.
    """
    if re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) is None:
        raise InvalidRequest(
            f"{name} must be a whole number of at most nine digits, not {plain(text, 40)}"
        )
    return int(text)
