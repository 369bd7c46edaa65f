"""A study written to a file, as a tool with its text."""

import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ResourceLink
from pydantic import Field

from mcp_automl.answers import SUFFIXES, Exported, ExportFormat
from mcp_automl.export_pages import USUAL_LIMIT, Piece
from mcp_automl.server.parameters import Existing
from mcp_automl.server.replies import reply, tool
from mcp_automl.server.resources import read, whole
from mcp_automl.server.shapes import Model
from mcp_automl.server.words import plain

if TYPE_CHECKING:
    from mcp_automl.service import Service

MIME = {
    ExportFormat.SCRIPT: "text/x-python",
    ExportFormat.CSV: "text/csv",
    ExportFormat.JSON: "application/json",
}

AT_THE_END = {
    ExportFormat.CSV: "a last line that begins with #",
    ExportFormat.JSON: "a field, rest,",
}

Format = Annotated[
    str | None,
    Field(
        description="script: trains with the best parameters; csv, json: all trials. "
        "Default: script",
        examples=["csv"],
        json_schema_extra={"enum": [*(member.value for member in ExportFormat), None]},
    ),
]


class ExportedModel(Model):
    name: str
    format: str
    path: str
    uri: str
    trials: int
    bytes: int

    @classmethod
    def of(cls, answer: Exported) -> "ExportedModel":
        return cls(
            name=plain(answer.study.config.name),
            format=answer.format.value,
            path=plain(str(answer.path), 4096),
            uri=uri(answer),
            trials=answer.trials,
            bytes=answer.size,
        )


class ArchiveTools:
    """The tools about whole studies over one workspace's use cases."""

    def __init__(self, service: "Callable[[], Service]") -> None:
        self._service = service

    def all(self) -> list[Tool]:
        """The tools in the order in which clients list them."""
        return [tool(self.export_automl_study, "Export an AutoML study", writes=True)]

    def export_automl_study(
        self, study_name: Existing, format: Format = None
    ) -> Annotated[CallToolResult, ExportedModel]:
        """Writes a study to a file in the workspace: a training script, or a table of all trials.

        Use it when the user wants to train outside, or to analyse trials. It replaces an earlier
        export.
        """
        return reply(
            "export_automl_study",
            lambda: self._service().export_study(study_name, format),
            exported,
            ExportedModel.of,
            link,
        )


def add_export_resources(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    """Gives the server the files that were exported, each kind with its own MIME type."""
    for format, suffix in SUFFIXES.items():
        if format is ExportFormat.SCRIPT:
            _add_script(server, service, suffix)
        else:
            _add_table(server, service, format, suffix)


def _add_script(server: "MCPServer[object]", service: "Callable[[], Service]", suffix: str) -> None:
    @server.resource(
        f"automl://exports/{{name}}.{suffix}",
        name="export-script",
        title="An exported training script",
        description="As export_automl_study has written it.",
        mime_type=MIME[ExportFormat.SCRIPT],
    )
    def script(name: str) -> str:
        return read(lambda: service().exported(f"{name}.{suffix}"))


def _add_table(
    server: "MCPServer[object]",
    service: "Callable[[], Service]",
    format: ExportFormat,
    suffix: str,
) -> None:
    @server.resource(
        f"automl://exports/{{name}}.{suffix}{{?limit,offset}}",
        name=f"export-{format.value}",
        title=f"A study's trials as {suffix.upper()}",
        description="As export_automl_study has written them, so many at a time as fit; where "
        f"there are more, {AT_THE_END[format]} says where.",
        mime_type=MIME[format],
    )
    def table(name: str, limit: str = str(USUAL_LIMIT), offset: str = "0") -> str:
        return read(
            lambda: service().exported(
                f"{name}.{suffix}",
                Piece(limit=whole("limit", limit), offset=whole("offset", offset)),
            )
        )


def exported(answer: Exported) -> str:
    """Where the file is and what to do with it."""
    config, path = answer.study.config, plain(str(answer.path), 400)
    head = f"[OK] AutoML Study Exported: {plain(config.name)}"
    if answer.format is ExportFormat.SCRIPT:
        # The trainer is installed where this runs, as the script itself says.
        run = plain(shlex.join([sys.executable, str(answer.path)]), 800)
        return "\n".join([head, f"Training script of the best trial: {path}", f"Run: {run}"])
    trials = "1 trial" if answer.trials == 1 else f"{answer.trials} trials"
    running = ", those that run up to now" if answer.study.state.should_run else ""
    return "\n".join([head, f"{trials}{running}: {path} ({answer.size} bytes)"])


def uri(answer: Exported) -> str:
    return f"automl://exports/{answer.path.name}"


def link(answer: Exported) -> ResourceLink:
    """The file as something a client can read."""
    return ResourceLink(
        type="resource_link",
        name=answer.path.name,
        uri=uri(answer),
        mime_type=MIME[answer.format],
        size=answer.size,
    )
