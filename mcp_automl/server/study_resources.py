"""One study as resources: its trials in pages, one, the best, what mattered, a report to keep."""

from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer

from mcp_automl.answers import TrialPage, TrialShown
from mcp_automl.domain.paging import Page, thinned
from mcp_automl.domain.study import Measurement
from mcp_automl.server import report
from mcp_automl.server.models import BestModel, TrialModel
from mcp_automl.server.pictures import FindingModel, best_of
from mcp_automl.server.resources import JSON, read, whole
from mcp_automl.server.shapes import Model, fitting, rounded
from mcp_automl.server.trainers import MARKDOWN
from mcp_automl.server.words import plain

if TYPE_CHECKING:
    from mcp_automl.domain.explanation import Explanation
    from mcp_automl.service import Service


MAX_CURVE = 3_000
"""Characters of a trial's epochs: its parameters and its log stand beside them."""


class TrialPageModel(Model):
    study: str
    objective: str
    total: int
    offset: int
    next_offset: int | None
    trials: list[TrialModel]

    @classmethod
    def of(cls, answer: TrialPage) -> "TrialPageModel":
        config = answer.study.config
        trials = fitting(TrialModel.of(trial) for trial in answer.trials)
        following = answer.page.offset + len(trials)
        return cls(
            study=plain(config.name),
            objective=plain(config.objective.name),
            total=answer.total,
            offset=answer.page.offset,
            next_offset=following if trials and following < answer.total else None,
            trials=trials,
        )


class EpochModel(Model):
    epoch: int
    seconds: float | None
    metrics: dict[str, float | None]

    @classmethod
    def of(cls, it: Measurement) -> "EpochModel":
        return cls(
            epoch=it.epoch,
            seconds=rounded(it.seconds),
            metrics={plain(name, 40): rounded(value) for name, value in it.metrics.items()},
        )


def _fewer(epochs: list[EpochModel]) -> list[EpochModel]:
    """As many as a reply can hold, evenly spread, the first and the last among them."""
    while len(epochs) > 2 and sum(len(it.model_dump_json()) for it in epochs) > MAX_CURVE:
        epochs = thinned(epochs, max(2, len(epochs) * 3 // 4))
    return epochs


class TrialShownModel(Model):
    study: str
    objective: str
    trial: TrialModel
    epochs: int
    measurements: list[EpochModel]
    log: list[str]

    @classmethod
    def of(cls, answer: TrialShown) -> "TrialShownModel":
        config = answer.study.config
        return cls(
            study=plain(config.name),
            objective=plain(config.objective.name),
            trial=TrialModel.of(answer.trial),
            epochs=answer.epochs,
            measurements=_fewer([EpochModel.of(it) for it in answer.measurements]),
            log=[plain(line) for line in answer.log],
        )


class UnjudgedModel(Model):
    name: str
    why: str


class ImportanceModel(Model):
    study: str
    objective: str
    trials: int
    best: dict[str, int | float | None]
    summary: list[str]
    total: int
    offset: int
    next_offset: int | None
    parameters: list[FindingModel]
    unjudged: list[UnjudgedModel]
    next: str

    @classmethod
    def of(
        cls, answer: "Explanation", page: Page, missing: Container[str] = ()
    ) -> "ImportanceModel":
        """A page of the parameters, the judged ones first."""
        from mcp_automl.server.explained import compared, next_call, sentences

        config, found = answer.seen.study.config, answer.insight
        judged = len(found.findings)
        total = judged + len(found.unjudged)
        start = max(0, page.offset - judged)
        end = max(0, page.offset + page.limit - judged)
        return cls(
            study=plain(config.name),
            objective=plain(config.objective.name),
            trials=found.finished,
            best=best_of(answer.seen),
            summary=[*sentences(answer), *compared(found)],
            total=total,
            offset=page.offset,
            next_offset=page.after(total),
            parameters=[FindingModel.of(it) for it in page.of(found.findings)],
            unjudged=[
                UnjudgedModel(name=plain(name, 40), why=plain(why, 100))
                for name, why in found.unjudged[start:end]
            ],
            next=next_call(answer, missing),
        )


def add_study_resources(
    server: "MCPServer[object]", service: "Callable[[], Service]", missing: Container[str]
) -> None:
    """Gives the server what there is to read of one study.

    Args:
        missing: tools that are not offered here.
    """
    _add_trials(server, service)
    _add_best(server, service)
    _add_importance(server, service, missing)
    _add_report(server, service)


def _add_trials(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    @server.resource(
        "automl://studies/{name}/trials{?limit,offset,state}",
        name="trials",
        title="A study's trials",
        description="Trials by number, a page at a time, as many as fit: the next one begins at "
        "next_offset; state is COMPLETE, PRUNED, FAIL, ...",
        mime_type=JSON,
    )
    def trials(name: str, limit: str = "20", offset: str = "0", state: str | None = None) -> str:
        return read(
            lambda: TrialPageModel.of(
                service().pages.page(
                    name, Page(whole("limit", limit), whole("offset", offset)), state
                )
            ).model_dump_json()
        )

    @server.resource(
        "automl://studies/{name}/trials/{number}",
        name="trial",
        title="One trial",
        description="A trial's parameters, every epoch's metrics, reason, cost and log's end.",
        mime_type=JSON,
    )
    def trial(name: str, number: str) -> str:
        return read(
            lambda: TrialShownModel.of(
                service().pages.trial(name, whole("number", number))
            ).model_dump_json()
        )


def _add_best(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    @server.resource(
        "automl://studies/{name}/best",
        name="best",
        title="A study's best trial",
        description="Parameters, model file and run, as get_automl_best_params gives them.",
        mime_type=JSON,
    )
    def best(name: str) -> str:
        return read(lambda: BestModel.of(service().best(name)).model_dump_json())


def _add_importance(
    server: "MCPServer[object]", service: "Callable[[], Service]", missing: Container[str]
) -> None:
    @server.resource(
        "automl://studies/{name}/importance{?limit,offset}",
        name="importance",
        title="What mattered in a study",
        description="Each parameter's share, how far luck alone goes, and where the best lie.",
        mime_type=JSON,
    )
    def importance(name: str, limit: str = "15", offset: str = "0") -> str:
        return read(
            lambda: ImportanceModel.of(
                service().explain(name),
                Page(whole("limit", limit), whole("offset", offset)),
                missing,
            ).model_dump_json()
        )


def _add_report(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    @server.resource(
        "automl://studies/{name}/report.md",
        name="report",
        title="A study's report",
        description="A page to keep: what was searched, came of it, mattered, and what it cost.",
        mime_type=MARKDOWN,
    )
    def report_page(name: str) -> str:
        return read(lambda: _report(service(), name))


def _report(service: "Service", name: str) -> str:
    status, top = service.status(name), service.pages.top(name)
    if top is None:
        return report.page(status, None)
    from mcp_automl.server.explained import compared, sentences, shown, told

    answer = service.explain(name)
    found = answer.insight
    # The first sentence says no more than what is told of each parameter, unless none stands out;
    # the second ends with advice, which is for now, and not for a page to keep.
    summary = [] if found.clear else sentences(answer)[:1]
    numbers = (told(it, found.best) for it in shown(found))
    mattered = [*summary, *numbers, *compared(found)]
    return report.page(status, top, service.best(name), mattered)
