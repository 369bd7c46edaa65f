"""What was spent, as a tool, a table and its structure."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_automl.domain.costs import MAX_ROWS, CostReport, GroupBy, Spent
from mcp_automl.server.replies import reply, tool
from mcp_automl.server.shapes import Model, significant
from mcp_automl.server.tables import aligned
from mcp_automl.server.words import dollars, duration, moment, plain

if TYPE_CHECKING:
    from mcp_automl.service import Service


class SpentModel(Model):
    key: str
    cost_usd: float
    slot_s: float = Field(description="Seconds for which slots were held")
    jobs: int

    @classmethod
    def of(cls, spent: Spent) -> "SpentModel":
        return cls(
            key=plain(spent.key, 64),
            cost_usd=significant(spent.cost_usd),
            slot_s=significant(spent.slot_s),
            jobs=spent.jobs,
        )


class CostsModel(Model):
    group_by: str
    since: str | None
    rows: list[SpentModel] = Field(description=f"At most {MAX_ROWS}, dearest or newest first")
    hidden: int
    others: SpentModel | None = Field(description="The hidden")
    total: SpentModel
    running: int = Field(description="Jobs that still run")

    @classmethod
    def of(cls, answer: CostReport) -> "CostsModel":
        return cls(
            group_by=answer.group_by.value,
            since=moment(answer.since),
            rows=[SpentModel.of(row) for row in answer.rows],
            hidden=answer.hidden,
            others=None if answer.others is None else SpentModel.of(answer.others),
            total=SpentModel.of(answer.total),
            running=answer.total.running,
        )


HEADINGS = {member: member.value.title() for member in GroupBy}

# As for every tool: what is valid is told by the use case, in words, and only noted in the schema.
By = Annotated[
    str | None,
    Field(
        description="Days are local time. Default: study",
        examples=["study"],
        json_schema_extra={"enum": [*(member.value for member in GroupBy), None]},
    ),
]
Since = Annotated[
    str | None,
    Field(
        description="A date, a date with a time, or 7d for midnight seven days ago. Default: ever",
        examples=["7d"],
    ),
]


class CostTools:
    """The tools about money over one workspace's use cases."""

    def __init__(self, service: "Callable[[], Service]") -> None:
        self._service = service

    def all(self) -> list[Tool]:
        """The tools in the order in which clients list them."""
        return [tool(self.get_cost_report, "What AutoML has cost")]

    def get_cost_report(
        self, group_by: By = None, since: Since = None
    ) -> Annotated[CallToolResult, CostsModel]:
        """Tells what was spent over all studies: by study, model, day or owner, with the total.

        Use it when the user asks what tuning has cost, or on what. Trainings that failed or still
        run count, too.
        """
        return reply(
            "get_cost_report",
            lambda: self._service().cost_report(group_by, since),
            costs,
            CostsModel.of,
        )


def costs(answer: CostReport) -> str:
    """The dearest, a row each, the rest in one, and the total."""
    by = answer.group_by.value
    head = f"[Info] AutoML Costs by {by}{_since(answer)}"
    if not answer.total.jobs:
        return f"{head}: nothing was spent\nNext: list_automl_studies()"
    table = [
        [HEADINGS[answer.group_by], "Cost", "Share", "Slot time", "Jobs"],
        *(_row(plain(row.key, 64), row, answer.total) for row in answer.rows),
        *_others(answer),
        _row("Total", answer.total, answer.total),
    ]
    return "\n".join([f"{head}:", *aligned(table, [], gap=2), *_notes(answer), _next(answer)])


def _since(answer: CostReport) -> str:
    if answer.since is None:
        return ""
    return f" since {datetime.fromtimestamp(answer.since):%Y-%m-%d %H:%M} (local time)"


def _others(answer: CostReport) -> list[list[str]]:
    if answer.others is None:
        return []
    return [_row(f"and {answer.hidden} more", answer.others, answer.total)]


def _row(name: str, spent: Spent, total: Spent) -> list[str]:
    share = spent.cost_usd / total.cost_usd if total.cost_usd else 0.0
    cells = [dollars(spent.cost_usd), f"{share:.0%}", duration(spent.slot_s), str(spent.jobs)]
    return [name, *cells]


def _notes(answer: CostReport) -> list[str]:
    days = ["A job counts on the day on which it began"] if answer.group_by is GroupBy.DAY else []
    n = answer.total.running
    jobs = "1 job still runs: it counts" if n == 1 else f"{n} jobs still run: they count"
    return [*days, *([f"{jobs} up to the last sign of life"] if n else [])]


def _next(answer: CostReport) -> str:
    if answer.group_by is GroupBy.STUDY:
        return "Next: get_automl_study_status(study_name=...) for one of them"
    return 'Next: get_cost_report(group_by="study") for the studies behind it'
