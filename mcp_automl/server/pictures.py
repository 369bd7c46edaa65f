"""A study as a picture, and explained, as tools.

What makes them is imported when it is wanted: the answer to `initialize` does not wait for it.
"""

import base64
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ImageContent
from pydantic import Field

from mcp_automl.domain.pictures.kinds import Kind
from mcp_automl.server.replies import reply, tool
from mcp_automl.server.shapes import Model, rounded
from mcp_automl.server.tables import fitting
from mcp_automl.server.words import plain

MAX_LINE, MAX_WORDS = 420, 2_600
"""Characters of a line beneath a picture, and of all."""

if TYPE_CHECKING:
    from mcp_automl.domain.explanation import Explanation
    from mcp_automl.domain.finished import Finished
    from mcp_automl.domain.insight import Finding
    from mcp_automl.domain.pictures.canvas import Picture
    from mcp_automl.service import Service

KindName = Annotated[
    str | None,
    Field(
        json_schema_extra={"enum": [*(member.value for member in Kind), None]},
    ),
]


def best_of(seen: "Finished") -> dict[str, int | float | None]:
    """The best trial, with its value."""
    return {"number": seen.best.number, "value": rounded(seen.best.value)}


class PictureModel(Model):
    study: str
    kind: str
    trials: int
    words: list[str]

    @classmethod
    def of(cls, answer: "Picture") -> "PictureModel":
        seen = answer.of
        assert seen is not None
        return cls(
            study=plain(seen.study.config.name),
            kind=answer.kind,
            trials=answer.shown,
            words=lines(answer),
        )


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
            share=rounded(finding.share),
            luck=rounded(finding.luck),
            stands_out=finding.stands_out,
            good=plain(good(finding), 130),
        )


class ExplainedModel(Model):
    study: str
    trials: int
    best: dict[str, int | float | None]
    summary: list[str]
    parameters: list[FindingModel]
    next: str

    @classmethod
    def of(cls, answer: "Explanation", missing: Container[str] = ()) -> "ExplainedModel":
        from mcp_automl.server.explained import beyond, compared, next_call, sentences, shown

        found = answer.insight
        return cls(
            study=plain(answer.seen.study.config.name),
            trials=found.finished,
            best=best_of(answer.seen),
            summary=[*sentences(answer), *compared(found), *beyond(answer)],
            parameters=[FindingModel.of(it) for it in shown(found)],
            next=next_call(answer, missing),
        )


class PictureTools:
    """The tools that show studies of one workspace.

    Args:
        missing: tools that are not offered beside them; no answer names one.
    """

    def __init__(self, service: "Callable[[], Service]", missing: Container[str] = ()) -> None:
        self._service = service
        self._missing = missing

    def all(self) -> list[Tool]:
        """The tools in the order in which clients list them."""
        return [
            tool(self.plot_automl_study, "Plot an AutoML study"),
            tool(self.explain_automl_study, "Explain an AutoML study"),
        ]

    def plot_automl_study(
        self, study_name: str, kind: KindName = None
    ) -> Annotated[CallToolResult, PictureModel]:
        """Draws a study for the user to see, and says it in words. Default: history."""
        return reply(
            "plot_automl_study",
            lambda: self._service().picture(study_name, kind),
            in_words,
            PictureModel.of,
            before=image,
        )

    def explain_automl_study(self, study_name: str) -> Annotated[CallToolResult, ExplainedModel]:
        """Tells what mattered, where the best lie, what to try next."""
        return reply(
            "explain_automl_study",
            lambda: self._service().explain(study_name),
            self._explained,
            lambda answer: ExplainedModel.of(answer, self._missing),
        )

    def _explained(self, answer: "Explanation") -> str:
        from mcp_automl.server.explained import text

        return text(answer, self._missing)


def in_words(answer: "Picture") -> str:
    """What the picture says."""
    return "\n".join([f"[Info] {plain(answer.title)}", *lines(answer)])


def lines(answer: "Picture") -> list[str]:
    """The picture in words, which text and structure have both room for."""
    return fitting([plain(line, MAX_LINE) for line in answer.words], "lines", MAX_WORDS)


def image(answer: "Picture") -> ImageContent:
    """The picture, drawn."""
    # Matplotlib takes a second to import: nobody who asks for no picture waits for it.
    from mcp_automl.drawing import png

    data = base64.b64encode(png(answer)).decode("ascii")
    return ImageContent(type="image", data=data, mime_type="image/png")
