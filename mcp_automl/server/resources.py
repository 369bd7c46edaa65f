"""Studies as resources: the same structure as the tools return, for clients that pull."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mcp_automl.domain.errors import AutomlError, StudyNotFound
from mcp_automl.server.failures import sentence
from mcp_automl.server.models import StatusModel, StudiesModel

if TYPE_CHECKING:
    from mcp_automl.service import Service

JSON = "application/json"


def add_resources(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    """Gives the server `automl://studies` and `automl://studies/{name}`."""

    @server.resource(
        "automl://studies",
        name="studies",
        title="AutoML studies",
        description="All studies of this workspace, newest first.",
        mime_type=JSON,
    )
    def studies() -> str:
        return _read(lambda: StudiesModel.of(service().studies()).model_dump_json())

    @server.resource(
        "automl://studies/{name}",
        name="study",
        title="An AutoML study",
        description="Where one study stands: counts, best trial, running trials, time and cost.",
        mime_type=JSON,
    )
    def study(name: str) -> str:
        return _read(lambda: StatusModel.of(service().status(name)).model_dump_json())


def _read(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except StudyNotFound as error:
        raise ResourceNotFoundError(sentence(error)) from error
    except AutomlError as error:
        raise ResourceError(sentence(error)) from error
