"""The same answers as structure: what tools and resources return beside their text, and its schema.

Small and shared, because every tool's definition carries the schema of what it returns. Numbers are
finite or null, times are ISO 8601 in UTC, durations are seconds.
"""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from mcp_automl.answers import (
    BestParams,
    Comparison,
    RunningTrial,
    Started,
    Stopped,
    StudyStatus,
)
from mcp_automl.answers import StudySummary as Summary
from mcp_automl.domain.space import Categorical, Parameter, Value
from mcp_automl.domain.study import Measurement, Study, Trial, TrialState, counted
from mcp_automl.server import recipe
from mcp_automl.server.tables import MAX_STUDIES
from mcp_automl.server.words import finite, moment, plain

Scalar = bool | int | float | str | None


class Model(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


class TrialModel(Model):
    number: int
    state: str = Field(description="RUNNING, COMPLETE, PRUNED, FAIL or WAITING")
    value: float | None = Field(description="The last epoch's objective")
    epoch: int = Field(description="Finished epochs")
    params: dict[str, Scalar]
    cost_usd: float | None
    reason: str = Field(description="Why it was pruned, failed or interrupted")

    @classmethod
    def of(cls, trial: Trial, epoch: int | None = None) -> "TrialModel":
        return cls(
            number=trial.number,
            state=trial.state.value,
            value=finite(trial.value),
            epoch=trial.epoch if epoch is None else epoch,
            params=scalars(trial.params),
            cost_usd=rounded(trial.cost_usd),
            reason=plain(trial.reason),
        )


class ParameterModel(Model):
    low: float | None = None
    high: float | None = None
    step: int | None = None
    log: bool = False
    choices: list[Scalar] | None = None

    @classmethod
    def of(cls, parameter: Parameter) -> "ParameterModel":
        if isinstance(parameter, Categorical):
            return cls(choices=[scalar(choice) for choice in parameter.choices])
        step = getattr(parameter, "step", None)
        return cls(low=parameter.low, high=parameter.high, step=step, log=parameter.log)


class StudyModel(Model):
    name: str
    model: str
    state: str = Field(description="QUEUED, RUNNING, STOPPED, COMPLETE or FAILED")
    reason: str
    data: str = Field(description="The data set in words; empty until it is known")
    objective: str
    direction: str = Field(description="maximize or minimize")
    n_trials: int
    epochs_max: int
    cost_budget_usd: float | None
    space: dict[str, ParameterModel]
    created_at: str | None
    started_at: str | None
    ended_at: str | None

    @classmethod
    def of(cls, study: Study) -> "StudyModel":
        config = study.config
        space = config.space.parameters.items()
        return cls(
            name=plain(config.name),
            model=plain(config.model),
            state=study.state.value,
            reason=plain(study.reason, 400),
            data=plain(study.data),
            objective=plain(config.objective.name),
            direction="maximize" if config.objective.maximize else "minimize",
            n_trials=config.n_trials,
            epochs_max=config.epochs_max,
            cost_budget_usd=finite(config.cost_budget_usd),
            space={plain(name, 40): ParameterModel.of(parameter) for name, parameter in space},
            created_at=moment(study.created_at),
            started_at=moment(study.started_at),
            ended_at=moment(study.ended_at),
        )


class StartedModel(Model):
    study: StudyModel
    created: bool
    nothing_to_run: bool
    done: int = Field(description="Trials that count towards n_trials")
    expected_data: str
    max_parallel: int
    devices: str
    notes: list[str]

    @classmethod
    def of(cls, answer: Started) -> "StartedModel":
        return cls(
            study=StudyModel.of(answer.study),
            created=answer.created,
            nothing_to_run=answer.nothing_to_run,
            done=answer.done,
            expected_data=plain(answer.expected_data),
            max_parallel=answer.max_parallel,
            devices=plain(answer.devices),
            notes=[plain(note, 700) for note in answer.notes],
        )


class StoppedModel(Model):
    name: str
    state: str = Field(description="RUNNING while it is stopping, then STOPPED")
    reason: str
    stopping: bool = Field(description="Whether trials are still being interrupted")
    changed: bool = Field(description="False if it had ended before")
    done: int
    n_trials: int
    notes: list[str]

    @classmethod
    def of(cls, answer: Stopped) -> "StoppedModel":
        study = answer.study
        return cls(
            name=plain(study.config.name),
            state=study.state.value,
            reason=plain(study.reason, 400),
            stopping=study.stop_requested,
            changed=answer.ran,
            done=answer.done,
            n_trials=study.config.n_trials,
            notes=[plain(note, 700) for note in answer.notes],
        )


class StatusModel(Model):
    study: StudyModel
    stopping: bool = Field(description="Whether it was asked to stop and is about to")
    counts: dict[str, int] = Field(description="Trials by state")
    done: int = Field(description="Trials that count towards n_trials")
    pruned_for_cost: int
    best: TrialModel | None
    best_metrics: dict[str, float | None] = Field(description="The best trial's last epoch's")
    running: list[TrialModel]
    elapsed_s: float | None
    remaining_s: float | None
    cost_usd: float | None
    next_look_s: int | None = Field(description="When to look again; null once nothing will change")
    notes: list[str]

    @classmethod
    def of(cls, answer: StudyStatus) -> "StatusModel":
        return cls(
            study=StudyModel.of(answer.study),
            stopping=answer.study.stop_requested,
            counts=counts(answer.counts),
            done=answer.done,
            pruned_for_cost=answer.pruned_for_cost,
            best=None if answer.best is None else TrialModel.of(answer.best),
            best_metrics=_metrics(answer.best_measured),
            running=[_running(trial) for trial in answer.running],
            elapsed_s=rounded(answer.elapsed_s, 1),
            remaining_s=rounded(answer.remaining_s, 1),
            cost_usd=rounded(answer.cost_usd),
            next_look_s=answer.next_look_s,
            notes=[plain(note, 700) for note in answer.notes],
        )


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
    def of(cls, answer: Summary) -> "SummaryModel":
        config = answer.study.config
        return cls(
            name=plain(config.name),
            model=plain(config.model),
            state=answer.study.state.value,
            done=counted(answer.counts),
            n_trials=config.n_trials,
            objective=plain(config.objective.name),
            best=finite(answer.best.value) if answer.best else None,
            cost_usd=rounded(answer.cost_usd),
            created_at=moment(answer.study.created_at),
        )


class StudiesModel(Model):
    total: int
    studies: list[SummaryModel] = Field(description=f"The newest {MAX_STUDIES}, newest first")

    @classmethod
    def of(cls, answers: Sequence[Summary]) -> "StudiesModel":
        shown = [SummaryModel.of(answer) for answer in answers[:MAX_STUDIES]]
        return cls(total=len(answers), studies=shown)


class ComparisonModel(Model):
    name: str
    objective: str
    trials: list[TrialModel] = Field(description="Best first; COMPLETE before PRUNED")

    @classmethod
    def of(cls, answer: Comparison) -> "ComparisonModel":
        config = answer.study.config
        return cls(
            name=plain(config.name),
            objective=plain(config.objective.name),
            trials=[TrialModel.of(trial) for trial in answer.trials],
        )


class BestModel(Model):
    name: str
    model: str
    data: str
    objective: str
    trial: TrialModel
    command: str = Field(description="The tool call that trains with these parameters")
    terminal: str = Field(description="The shell command that repeats the trial's training")

    @classmethod
    def of(cls, answer: BestParams) -> "BestModel":
        config = answer.study.config
        return cls(
            name=plain(config.name),
            model=plain(config.model),
            data=plain(answer.study.data),
            objective=plain(config.objective.name),
            trial=TrialModel.of(answer.trial),
            command=recipe.command(answer),
            terminal=recipe.terminal(answer),
        )


def _metrics(measured: Measurement | None) -> dict[str, float | None]:
    metrics = measured.metrics if measured else {}
    return {plain(name, 40): finite(value) for name, value in metrics.items()}


def _running(running: RunningTrial) -> TrialModel:
    last = running.last
    return TrialModel.of(running.trial, epoch=last.epoch if last else None)


def scalars(params: Mapping[str, Value]) -> dict[str, Scalar]:
    return {plain(name, 40): scalar(value) for name, value in params.items()}


def scalar(value: Value) -> Scalar:
    if isinstance(value, str):
        return plain(value)
    return finite(value) if isinstance(value, float) else value


def counts(counts: Mapping[TrialState, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in TrialState}


def rounded(value: float | None, digits: int = 6) -> float | None:
    finite_value = finite(value)
    return None if finite_value is None else round(finite_value, digits)
