import math
from collections.abc import Callable
from copy import deepcopy

import pytest

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space import Categorical, Float, Int, Parameter, SearchSpace, Value

LR = Float(low=1e-4, high=1e-2, log=True)
EPOCHS = Int(low=1, high=10, step=3)
BATCH = Categorical(choices=(32, 64, 128))
OPTIMIZER = Categorical(choices=("adam", "sgd"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Float(low=0.0, high=math.inf), "finite"),
        (lambda: Float(low=math.nan, high=1.0), "finite"),
        (lambda: Float(low=2.0, high=1.0), "exceeds"),
        (lambda: Float(low=0.0, high=1.0, log=True), "above 0"),
        (lambda: Int(low=3, high=2), "exceeds"),
        (lambda: Int(low=0, high=8, log=True), "above 0"),
        (lambda: Int(low=1, high=8, step=0), "step must be 1 or more"),
        (lambda: Int(low=1, high=8, step=2, log=True), "takes no step"),
        (lambda: Categorical(choices=()), "at least one choice"),
        (lambda: Categorical(choices=(1, 2, 1)), "stands twice"),
        (lambda: SearchSpace({}), "at least one parameter"),
    ],
)
def test_an_invalid_space_cannot_be_built(make: Callable[[], object], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        make()


@pytest.mark.parametrize(
    ("parameter", "value", "clipped"),
    [
        (LR, 1e-3, 1e-3),
        (LR, 1.0, 1e-2),
        (LR, 0, 1e-4),
        (LR, None, pytest.approx(1e-3)),
        (LR, math.nan, pytest.approx(1e-3)),
        (Float(low=0.0, high=1.0), "much", 0.5),
        (Float(low=0.0, high=1.0), True, 0.5),
        (EPOCHS, 4, 4),
        (EPOCHS, 5, 4),
        (EPOCHS, 6.0, 7),
        (EPOCHS, 99, 10),
        (EPOCHS, -1, 1),
        (EPOCHS, math.inf, 10),
        (EPOCHS, None, 4),
        (Int(low=1, high=6, step=3), 6, 4),
        (BATCH, 64, 64),
        (BATCH, 100, 128),
        (BATCH, "many", 32),
        (OPTIMIZER, "sgd", "sgd"),
        (OPTIMIZER, 7, "adam"),
    ],
)
def test_a_value_is_clipped_to_the_nearest_one_that_is_allowed(
    parameter: Parameter, value: Value, clipped: Value
) -> None:
    assert parameter.clip(value) == clipped


def test_a_whole_number_stays_a_whole_number_when_clipped() -> None:
    assert type(EPOCHS.clip(6.7)) is int


def test_a_point_is_clipped_into_a_space_and_loses_what_the_space_does_not_know() -> None:
    space = SearchSpace({"lr": LR, "batch_size": BATCH})

    assert space.clip({"lr": 1.0, "epochs": 5}) == {"lr": 1e-2, "batch_size": 32}


def test_a_space_does_not_change_with_the_dictionary_it_was_made_from() -> None:
    parameters: dict[str, Parameter] = {"lr": LR}
    space = SearchSpace(parameters)

    parameters["batch_size"] = BATCH

    assert list(space.parameters) == ["lr"]


def test_a_space_is_its_own_copy() -> None:
    space = SearchSpace({"lr": LR})

    assert deepcopy(space) is space


def test_bounding_a_parameter_moves_its_upper_end_alone() -> None:
    space = SearchSpace({"lr": LR, "epochs": Int(low=1, high=100)})

    assert space.bounded("epochs", 5).parameters == {"lr": LR, "epochs": Int(low=1, high=5)}


@pytest.mark.parametrize("name", ["lr", "batch_size"])
def test_bounding_what_is_no_whole_number_or_not_there_changes_nothing(name: str) -> None:
    space = SearchSpace({"lr": LR})

    assert space.bounded(name, 5) is space


def test_a_bound_below_the_lower_end_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="exceeds the upper bound 1"):
        SearchSpace({"epochs": Int(low=2, high=100)}).bounded("epochs", 1)
