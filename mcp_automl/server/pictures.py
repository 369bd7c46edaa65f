"""A study as a picture, and explained, as tools.

What makes them is imported when it is wanted: the answer to `initialize` does not wait for it.
"""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ImageContent
from pydantic import Field

from mcp_automl.domain.pictures.kinds import Kind
from mcp_automl.server.parameters import Existing
from mcp_automl.server.replies import reply, tool
from mcp_automl.server.shapes import Model, rounded
from mcp_automl.server.tables import fitting
from mcp_automl.server.words import plain

if TYPE_CHECKING:
    from mcp_automl.domain.explanation import Explanation
    from mcp_automl.domain.insight import Finding
    from mcp_automl.domain.pictures.canvas import Picture
    from mcp_automl.service import Service

KindName = Annotated[
    str | None,
    Field(
        json_schema_extra={"enum": [*(member.value for member in Kind), None]},
    ),
]


class PictureModel(Model):
    kind: str
    trials: int

    @classmethod
    def of(cls, answer: "Picture") -> "PictureModel":
        return cls(kind=answer.kind, trials=answer.shown)


class FindingModel(Model):
    name: str
    share: float | None
    luck: float | None
    stands_out: bool
    good: str

    @classmethod
    def of(cls, finding: "Finding") -> "FindingModel":
        from mcp_automl.server.explained import good

        return cls(
            name=plain(finding.name, 40),
            share=rounded(finding.share, 4),
            luck=rounded(finding.luck, 4),
            stands_out=finding.stands_out,
            good=plain(good(finding)),
        )


class ExplainedModel(Model):
    trials: int
    parameters: list[FindingModel]
    next: str = Field(description="What to try")

    @classmethod
    def of(cls, answer: "Explanation") -> "ExplainedModel":
        from mcp_automl.server.explained import MAX_PARAMETERS, next_call

        found = answer.insight
        return cls(
            trials=found.finished,
            parameters=[FindingModel.of(it) for it in found.findings[:MAX_PARAMETERS]],
            next=next_call(answer),
        )


class PictureTools:
    """The tools that show studies of one workspace."""

    def __init__(self, service: "Callable[[], Service]") -> None:
        self._service = service

    def all(self) -> list[Tool]:
        """The tools in the order in which clients list them."""
        return [
            tool(self.plot_automl_study, "Plot an AutoML study"),
            tool(self.explain_automl_study, "Explain an AutoML study"),
        ]

    def plot_automl_study(
        self, study_name: Existing, kind: KindName = None
    ) -> Annotated[CallToolResult, PictureModel]:
        """Draws a study as a PNG and tells the same in words. Default: history."""
        return reply(
            "plot_automl_study",
            lambda: self._service().picture(study_name, kind),
            in_words,
            PictureModel.of,
            before=image,
        )

    def explain_automl_study(
        self, study_name: Existing
    ) -> Annotated[CallToolResult, ExplainedModel]:
        """Tells which parameters mattered, which region is good and what to try next."""
        return reply(
            "explain_automl_study",
            lambda: self._service().explain(study_name),
            explained,
            ExplainedModel.of,
        )


def explained(answer: "Explanation") -> str:
    """What mattered."""
    from mcp_automl.server.explained import text

    return text(answer)


def in_words(answer: "Picture") -> str:
    """What the picture says."""
    return "\n".join([f"[Info] {plain(answer.title)}", *fitting(_lines(answer), "lines")])


def _lines(answer: "Picture") -> list[str]:
    return [plain(line, 400) for line in answer.words]


def image(answer: "Picture") -> ImageContent:
    """The picture, drawn."""
    # Matplotlib takes a second to import: nobody who asks for no picture waits for it.
    from mcp_automl.drawing import png

    data = base64.b64encode(png(answer)).decode("ascii")
    return ImageContent(type="image", data=data, mime_type="image/png")
