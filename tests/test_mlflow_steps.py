"""What is logged at steps, made into epochs."""

import math

import pytest

from trainers.mlflow_steps import Steps


def heard(steps: Steps, *batches: list[tuple[int, str, float]]) -> list[dict[str, float]]:
    """The epochs that end with each call of MLflow's."""
    found: list[dict[str, float]] = []
    for batch in batches:
        steps.log(batch)
        found += steps.epochs()
    return found


def test_the_objective_at_a_later_step_is_an_epoch_wherever_the_steps_begin() -> None:
    at = ([(step, "val_loss", 1.0)] for step in (0, 1, 400, 800))

    assert heard(Steps("val_loss"), *at) == [{"val_loss": 1.0}] * 4


def test_an_epoch_has_the_metrics_of_its_step_that_came_before_or_with_it() -> None:
    epochs = heard(
        Steps("val_loss"),
        [(0, "train_loss", 3.0), (0, "old", 1.0)],
        [(1, "lr", 0.1)],
        [(0, "val_loss", 2.0), (0, "val_acc", 0.5)],
        [(0, "late", 1.0)],
        [(1, "val_loss", 1.0)],
    )

    assert epochs == [
        {"train_loss": 3.0, "old": 1.0, "val_loss": 2.0, "val_acc": 0.5},
        {"lr": 0.1, "val_loss": 1.0},
    ]


def test_many_epochs_may_come_at_once_metric_by_metric() -> None:
    batch = [(1, "a", 1.0), (0, "a", 0.0), (1, "val_loss", 0.1), (0, "val_loss", 0.2)]

    assert heard(Steps("val_loss"), batch) == [
        {"a": 0.0, "val_loss": 0.2},
        {"a": 1.0, "val_loss": 0.1},
    ]


def test_a_step_is_known_only_once_its_epoch_has_been_asked_for() -> None:
    steps = Steps("val_loss")
    steps.log([(0, "val_loss", 1.0), (1, "val_loss", 2.0)])
    epochs = steps.epochs()

    next(epochs)
    assert steps.step == 0
    next(epochs)
    assert steps.step == 1


def test_steps_that_have_been_are_left_out_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    again = ([(step, "val_loss", 1.0)] for step in (0, 3, 4, 4, 5))

    assert len(heard(Steps("val_loss", step=3), *again)) == 2
    (warning,) = caplog.records
    assert "val_loss was logged at step 0, but is known at step 3" in warning.getMessage()


def test_a_value_that_is_no_number_is_an_epoch_too() -> None:
    (epoch,) = heard(Steps("val_loss"), [(0, "val_loss", math.nan)])

    assert math.isnan(epoch["val_loss"])


def test_what_was_logged_in_place_of_the_objective_is_named() -> None:
    steps = Steps("val_loss")
    assert steps.silence().endswith("but nothing")

    heard(steps, [(0, f"metric_{number:02}", 1.0) for number in range(12)])
    assert "logged no metric 'val_loss'" in steps.silence()
    assert steps.silence().endswith("'metric_09' and 2 more")
