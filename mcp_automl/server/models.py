"""The same answers as structure: what tools and resources return beside their text, and its schema.

Small and shared, because every tool's definition carries the schema of what it returns. Numbers are
finite or null, times are ISO 8601 in UTC, durations are seconds.
"""

from typing import Any

from pydantic import Field

from mcp_automl.answers import (
    BestParams,
    Comparison,
    Quoted,
    RunningTrial,
    Started,
    Stopped,
    StudyStatus,
)
from mcp_automl.domain.study import Measurement, Study, Trial
from mcp_automl.server import recipe, spaces
from mcp_automl.server.quotes import QuoteModel
from mcp_automl.server.shapes import Model, Scalar, counts, fitting, rounded, scalars
from mcp_automl.server.words import finite, moment, plain, plain_notes

MAX_RUNNING_CHARACTERS = 2_000
"""Of the trials in a status: its study and its best trial stand there, too."""


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
            value=rounded(trial.value),
            epoch=trial.epoch if epoch is None else epoch,
            params=scalars(trial.params),
            cost_usd=rounded(trial.cost_usd),
            reason=plain(trial.reason),
        )


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
    max_cost_per_trial_usd: float | None
    sampler: str
    pruner: str
    space: dict[str, Any] = Field(description="As search_space is written")
    constants: dict[str, Any]
    created_at: str | None
    started_at: str | None
    ended_at: str | None

    @classmethod
    def of(cls, study: Study) -> "StudyModel":
        config = study.config
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
            max_cost_per_trial_usd=finite(config.max_cost_per_trial_usd),
            sampler=config.sampler.value,
            pruner=config.pruner.value,
            space=spaces.as_structure(config.space),
            constants=dict(scalars(config.constants)),
            created_at=moment(study.created_at),
            started_at=moment(study.started_at),
            ended_at=moment(study.ended_at),
        )


class StartedModel(Model):
    study: StudyModel | None = Field(description="Null for a dry run")
    quote: QuoteModel | None = Field(description="Of a dry run")
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
            quote=None,
            created=answer.created,
            nothing_to_run=answer.nothing_to_run,
            done=answer.done,
            expected_data=plain(answer.expected_data),
            max_parallel=answer.max_parallel,
            devices=plain(answer.devices),
            notes=plain_notes(answer.notes),
        )

    @classmethod
    def of_dry_run(cls, answer: Quoted) -> "StartedModel":
        return cls(
            study=None,
            quote=QuoteModel.of(answer),
            created=False,
            nothing_to_run=answer.quote.trials == 0,
            done=answer.done,
            expected_data="",
            max_parallel=answer.max_parallel,
            devices=plain(answer.devices),
            notes=[],
        )


class StoppedModel(Model):
    name: str
    state: str = Field(description="RUNNING while it is stopping, then STOPPED")
    reason: str
    stopping: bool
    changed: bool
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
            notes=plain_notes(answer.notes),
        )


class StatusModel(Model):
    study: StudyModel = Field(description="name, state, reason and all that was asked for")
    stopping: bool
    counts: dict[str, int] = Field(description="Trials by state")
    done: int
    pruned_for_cost: int
    never_started: int
    budget_share: float | None
    budget_trials: int | None = Field(description="How many more the rest pays")
    saved_usd: float | None = Field(description="By pruning")
    saved_epochs: int | None
    best: TrialModel | None
    best_metrics: dict[str, float | None]
    running: list[TrialModel] = Field(description="As best")
    elapsed_s: float | None
    remaining_s: float | None
    cost_usd: float | None
    search: str
    next_look_s: int | None = Field(description="Null once nothing will change")
    notes: list[str]

    @classmethod
    def of(cls, answer: StudyStatus) -> "StatusModel":
        allowance = answer.allowance
        return cls(
            study=StudyModel.of(answer.study),
            stopping=answer.study.stop_requested,
            counts=counts(answer.counts),
            done=answer.done,
            pruned_for_cost=answer.pruned_for_cost,
            never_started=answer.never_started,
            budget_share=rounded(allowance.share if allowance else None),
            budget_trials=allowance.trials if allowance else None,
            saved_usd=rounded(answer.savings.usd if answer.savings else None),
            saved_epochs=answer.savings.epochs if answer.savings else None,
            best=None if answer.best is None else TrialModel.of(answer.best),
            best_metrics=_metrics(answer.best_measured),
            running=fitting((_running(trial) for trial in answer.running), MAX_RUNNING_CHARACTERS),
            elapsed_s=rounded(answer.elapsed_s),
            remaining_s=rounded(answer.remaining_s),
            cost_usd=rounded(answer.cost_usd),
            search=plain(answer.search, 300),
            next_look_s=answer.next_look_s,
            notes=plain_notes(answer.notes),
        )


class ComparisonModel(Model):
    name: str
    objective: str
    trials: list[TrialModel] = Field(description="Best first; COMPLETE before PRUNED")
    hidden: int

    @classmethod
    def of(cls, answer: Comparison) -> "ComparisonModel":
        config = answer.study.config
        trials = fitting(TrialModel.of(trial) for trial in answer.trials)
        return cls(
            name=plain(config.name),
            objective=plain(config.objective.name),
            trials=trials,
            hidden=len(answer.trials) - len(trials),
        )


class BestModel(Model):
    name: str
    model: str
    data: str
    objective: str
    trial: TrialModel
    command: str = Field(description="A tool call")
    terminal: str
    model_file: str | None = Field(description="Null if not kept")
    mlflow_experiment: str | None
    mlflow_search: str | None
    verified: str | None = Field(description="Whether the win is real")

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
            model_file=None if answer.model_file is None else plain(str(answer.model_file), 4096),
            mlflow_experiment=None if answer.run is None else plain(answer.run.experiment, 80),
            mlflow_search=None if answer.run is None else plain(answer.run.search, 4096),
            verified=recipe.verified(answer),
        )


def _metrics(measured: Measurement | None) -> dict[str, float | None]:
    metrics = measured.metrics if measured else {}
    return {plain(name, 40): rounded(value) for name, value in metrics.items()}


def _running(running: RunningTrial) -> TrialModel:
    last = running.last
    return TrialModel.of(running.trial, epoch=last.epoch if last else None)
