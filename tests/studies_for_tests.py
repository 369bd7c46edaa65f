"""Small studies and the events of their lives, with defaults that make a second cost a dollar."""

from mcp_automl.domain.events import (
    Command,
    Launch,
    Measured,
    Outcome,
    SlotOffered,
    Suggested,
    TrialEnded,
)
from mcp_automl.domain.pace import EpochTime
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.space import Float, Int, SearchSpace
from mcp_automl.domain.study import History, Measurement, Objective, StudyConfig, Waiting

ACCURACY = Objective(name="val_accuracy", maximize=True)
LOSS = Objective(name="val_loss", maximize=False)
SPACE = SearchSpace({"lr": Float(low=1e-5, high=1e-2, log=True), "epochs": Int(low=1, high=5)})
DOLLAR_A_SECOND = 3600.0


def a_config(
    *, n_trials: int = 3, budget: float | None = None, per_trial: float | None = None
) -> StudyConfig:
    return StudyConfig(
        name="digits",
        model="mnist",
        objectives=(ACCURACY,),
        space=SPACE,
        default={"lr": 1e-3, "epochs": 5},
        n_trials=n_trials,
        epochs_max=5,
        cost_budget_usd=budget,
        max_cost_per_trial_usd=per_trial,
    )


def a_run(
    *,
    n_trials: int = 3,
    budget: float | None = None,
    per_trial: float | None = None,
    max_parallel: int = 3,
    counted: int = 0,
    spent: float = 0.0,
    epochs: tuple[EpochTime, ...] = (),
    earlier: tuple[EpochTime, ...] = (),
    waiting: dict[int, Waiting] | None = None,
    failures: tuple[str, ...] = (),
) -> StudyRun:
    history = History(
        counted=counted,
        waiting=waiting or {},
        spent_usd=spent,
        epochs=epochs,
        earlier_epochs=earlier,
        failures=failures,
    )
    config = a_config(n_trials=n_trials, budget=budget, per_trial=per_trial)
    return StudyRun(config, history, max_parallel)


def an_offer(trial: int, *, shared: bool = False) -> SlotOffered:
    return SlotOffered(f"slot-{trial}", DOLLAR_A_SECOND, shared)


def a_suggestion(trial: int, *, at: float = 0.0, epochs: int = 3) -> Suggested:
    return Suggested(f"slot-{trial}", trial, {"epochs": epochs}, at)


def launch(
    run: StudyRun, trial: int, *, at: float = 0.0, epochs: int = 3, shared: bool = False
) -> None:
    """Brings a trial into the air, in a slot named after it."""
    run.handle(an_offer(trial, shared=shared))
    commands = run.handle(a_suggestion(trial, at=at, epochs=epochs))
    [launched] = commands
    assert isinstance(launched, Launch)
    assert launched == Launch(trial, {"epochs": epochs}, f"slot-{trial}", launched.trained_s)


def measured(
    trial: int, epoch: int, value: float = 0.5, *, at: float = 1.0, prune: str | None = None
) -> Measured:
    measurement = Measurement(epoch=epoch, metrics={"val_accuracy": value}, seconds=1.0)
    return Measured(trial, measurement, at, prune)


def ended(trial: int, outcome: Outcome, *, at: float = 2.0, reason: str = "") -> TrialEnded:
    return TrialEnded(trial, outcome, at, reason)


def complete(run: StudyRun, trial: int, value: float = 0.5, *, at: float = 2.0) -> list[Command]:
    """Trains a trial, already in the air, to its end."""
    run.handle(measured(trial, 1, value, at=at))
    return run.handle(ended(trial, Outcome.COMPLETED, at=at))
