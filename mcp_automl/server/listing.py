"""The list of studies, as a table and as structure: a page at a time."""

from pydantic import Field

from mcp_automl.answers import StudyList, StudySummary
from mcp_automl.domain.study import TrialState, counted
from mcp_automl.server.shapes import Model, rounded
from mcp_automl.server.tables import aligned
from mcp_automl.server.words import dollars, duration, moment, plain, score


class SummaryModel(Model):
    name: str
    model: str
    state: str
    done: int
    n_trials: int
    objective: str
    best: float | None
    cost_usd: float | None
    created_at: str | None

    @classmethod
    def of(cls, answer: StudySummary) -> "SummaryModel":
        config = answer.study.config
        return cls(
            name=plain(config.name),
            model=plain(config.model),
            state=answer.study.state.value,
            done=counted(answer.counts),
            n_trials=config.n_trials,
            objective=plain(config.objective.name),
            best=rounded(answer.best.value) if answer.best else None,
            cost_usd=rounded(answer.cost_usd),
            created_at=moment(answer.study.created_at),
        )


class StudiesModel(Model):
    total: int
    studies: list[SummaryModel] = Field(description="Newest first")
    next_offset: int | None

    @classmethod
    def of(cls, answer: StudyList) -> "StudiesModel":
        return cls(
            total=answer.total,
            studies=[SummaryModel.of(one) for one in answer.studies],
            next_offset=answer.next_offset,
        )


def studies(answer: StudyList, now: float) -> str:
    """A page of the studies, a row each."""
    if not answer.total:
        return (
            "There are no studies yet.\n"
            'Next: start_automl_study(study_name="mnist-opt-1", model_type="mnist") starts one'
        )
    if not answer.studies:
        of_all = "the only study" if answer.total == 1 else f"all {answer.total} studies"
        return (
            f"[Info] AutoML Studies: offset={answer.page.offset} is beyond {of_all}\n"
            "Next: list_automl_studies()"
        )
    table = [
        ["Study", "Model", "State", "Done", "Best", "Cost", "Created"],
        *(_summary(one, now) for one in answer.studies),
    ]
    header, *rows = aligned(table, [], gap=2)
    counted_studies = "1 study" if answer.total == 1 else f"{answer.total} studies, newest first"
    return "\n".join(
        [
            f"[Info] AutoML Studies: {counted_studies}",
            header,
            *rows,
            *_beyond(answer),
            "",
            "Next: get_automl_study_status(study_name=...) for one of them",
        ]
    )


def _beyond(answer: StudyList) -> list[str]:
    """What the page leaves out, and how to see it."""
    following = answer.next_offset
    if following is None:
        return []
    more = answer.total - following
    return [f"... and {more} more: list_automl_studies(offset={following})"]


def _summary(answer: StudySummary, now: float) -> list[str]:
    study, config = answer.study, answer.study.config
    pruned = answer.best is not None and answer.best.state is TrialState.PRUNED
    best = f"{plain(config.objective.name, 20)} {score(answer.best.value)}" if answer.best else "-"
    return [
        plain(config.name, 64),
        plain(config.model, 20),
        study.state.value,
        f"{counted(answer.counts)}/{config.n_trials}",
        best + (" (pruned)" if pruned else ""),
        dollars(answer.cost_usd),
        f"{_age(now - study.created_at)} ago" if study.created_at else "-",
    ]


def _age(seconds: float) -> str:
    return " ".join(duration(seconds).split()[:2])
