"""Studies in virtual time, by which samplers are judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from benchmarks import curves_table
from benchmarks.search_simulation import Simulated, Training, simulate
from mcp_automl.domain.space import Float, Params, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Trials that take as many seconds per epoch as their parameter says, and are as good."""

    epochs: int = 1
    name: str = "lengths"
    space: SearchSpace = SearchSpace({"x": Float(low=0, high=100)})
    maximize: bool = False
    mean_seconds: float = 1.0

    def train(self, params: Params, seed: int) -> Training:
        x = params["x"]
        assert isinstance(x, float)
        return Training(values=[x] * self.epochs, seconds=[x] * self.epochs, regret=x)


@dataclass(slots=True)
class Listed:
    """A search that suggests what it was given, and prunes some numbers at once."""

    points: Sequence[float]
    prunes: Sequence[int] = ()
    heard: list[str] = field(default_factory=list)

    def suggest(self, number: int) -> Params:
        self.heard.append(f"asked {number}")
        return {"x": self.points[number]}

    def report(self, number: int, epoch: int, value: float) -> bool:
        return number in self.prunes

    def ended(self, number: int, value: float, seconds: float, *, pruned: bool) -> None:
        self.heard.append(f"ended {number}")


def test_three_trials_run_at_once_and_whoever_is_free_asks_for_the_next() -> None:
    search = Listed([5.0, 1.0, 9.0, 1.0, 1.0])
    simulate(Lengths(), search, 0, trials=5)
    assert search.heard == [
        *("asked 0", "asked 1", "asked 2"),
        *("ended 1", "asked 3", "ended 3", "asked 4", "ended 4"),
        *("ended 0", "ended 2"),
    ]


def study(epochs: int, points: Sequence[float], prunes: Sequence[int] = ()) -> Simulated:
    return simulate(Lengths(epochs=epochs), Listed(points, prunes), 0, trials=len(points))


def test_the_regret_of_a_shorter_study_is_that_of_its_first_trials() -> None:
    assert study(1, [5.0, 4.0, 9.0, 1.0]).after_trials(3) == 4.0


def test_what_costs_more_than_is_left_is_lost() -> None:
    # They end after 4, 5 and 9 seconds and have then cost 4, 9 and 18.
    found = study(1, [5.0, 4.0, 9.0])
    assert found.after_seconds(4.0) == 4.0
    assert found.after_seconds(3.9) == 1.0


def test_a_pruned_trial_is_nobody_s_model() -> None:
    found = study(3, [5.0, 4.0, 9.0], prunes=[1])
    assert found.regret(found.trials) == 5.0
    assert [(trial.number, trial.epochs) for trial in found.trials] == [(1, 1), (0, 3), (2, 3)]


def test_the_quality_after_some_epochs_is_of_what_was_complete_then() -> None:
    found = study(3, [5.0, 4.0, 9.0])
    assert [found.after_epochs(count) for count in (5, 6, 9)] == [1.0, 4.0, 4.0]


def test_every_training_of_the_grid_is_recorded_to_its_last_epoch() -> None:
    curves = curves_table.read()
    assert set(curves) == set(curves_table.grid())
    assert {len(curve.val_accuracy) for curve in curves.values()} == {curves_table.EPOCHS}


@pytest.mark.parametrize(
    ("lr", "dropout", "nearest"), [(1.1e-3, 0.2, (1e-3, 0.0)), (9e-3, 0.6, (1e-2, 0.6))]
)
def test_what_is_not_recorded_is_answered_by_the_nearest_training(
    lr: float, dropout: float, nearest: tuple[float, float]
) -> None:
    params = {"lr": lr, "batch_size": 64, "width": 16, "dropout": dropout}
    curve = curves_table.nearest(params)
    assert (curve.lr, curve.dropout, curve.batch_size, curve.width) == (*nearest, 64, 16)
