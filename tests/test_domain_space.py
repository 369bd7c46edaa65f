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
        (lambda: SearchSpace({"a": LR}, {"b": {"a": (1,)}}), "condition for b, which is not in"),
        (lambda: SearchSpace({"a": LR}, {"a": {"b": (1,)}}), "a depends on b, which is not in"),
        (lambda: SearchSpace({"a": BATCH}, {"a": {"a": (32,)}}), "in a circle: a"),
        (lambda: SearchSpace({"lr": LR, "a": BATCH}, {"a": {"lr": (1e-3,)}}), "no separate values"),
        (lambda: SearchSpace({"o": OPTIMIZER, "a": LR}, {"a": {"o": ()}}), "cannot be"),
        (lambda: SearchSpace({"o": OPTIMIZER, "a": LR}, {"a": {"o": ("x",)}}), "when o is .'x'."),
        (lambda: SearchSpace({"e": EPOCHS, "a": LR}, {"a": {"e": (5,)}}), "when e is .5."),
        (
            lambda: SearchSpace(
                {"lr": LR, "a": BATCH, "b": BATCH}, {"a": {"b": (32,)}, "b": {"a": (32,)}}
            ),
            "in a circle: a, b",
        ),
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


@pytest.mark.parametrize(
    ("parameter", "inside", "outside"),
    [
        (LR, (1e-4, 1e-3, 1e-2), (0, 1, math.nan, math.inf, "1e-3", None, True)),
        (EPOCHS, (1, 4, 10, 7.0), (0, 2, 13, 4.5, math.nan, "4", None, True)),
        (BATCH, (32, 64.0), (33, "32", None)),
        (Categorical(choices=(1, "a", None)), (1, "a", None), (True, "b", 2)),
        (Categorical(choices=(True, False)), (True, False), (1, 0, "true")),
    ],
)
def test_a_parameter_knows_its_values(
    parameter: Parameter, inside: tuple[Value, ...], outside: tuple[Value, ...]
) -> None:
    assert all(parameter.contains(value) for value in inside)
    assert not any(parameter.contains(value) for value in outside)


def test_parameters_come_after_those_that_they_depend_on_and_else_as_given() -> None:
    space = SearchSpace(
        {"c": BATCH, "a": BATCH, "d": LR, "b": BATCH},
        {"c": {"a": (32,), "b": (64, 128)}, "a": {"b": (32,)}},
    )

    assert list(space.parameters) == ["d", "b", "a", "c"]


def test_a_point_holds_the_parameters_that_exist_in_it_and_no_others() -> None:
    space = SearchSpace(
        {"momentum": Float(low=0.0, high=0.9), "optimizer": OPTIMIZER, "lr": LR},
        {"momentum": {"optimizer": ("sgd",)}},
    )

    assert space.clip({"lr": 1e-3, "momentum": 0.5, "optimizer": "adam"}) == {
        "lr": 1e-3,
        "optimizer": "adam",
    }
    assert space.clip({"lr": 1e-3, "momentum": 0.5, "optimizer": "sgd"}) == {
        "lr": 1e-3,
        "optimizer": "sgd",
        "momentum": 0.5,
    }


def test_what_depends_on_something_that_does_not_exist_does_not_exist_either() -> None:
    space = SearchSpace(
        {"a": OPTIMIZER, "b": BATCH, "c": LR}, {"b": {"a": ("sgd",)}, "c": {"b": (32, 64)}}
    )

    assert list(space.clip({"a": "adam", "b": 32})) == ["a"]
    assert list(space.clip({"a": "sgd", "b": 128})) == ["a", "b"]
    assert list(space.clip({"a": "sgd", "b": 64})) == ["a", "b", "c"]


def test_all_of_a_condition_must_hold() -> None:
    space = SearchSpace(
        {"a": OPTIMIZER, "b": BATCH, "c": LR}, {"c": {"a": ("sgd",), "b": (32, 64)}}
    )

    assert space.exists("c", {"a": "sgd", "b": 32})
    assert not space.exists("c", {"a": "sgd", "b": 128})
    assert not space.exists("c", {"a": "adam", "b": 32})
    assert space.exists("a", {})


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


@pytest.mark.parametrize(
    "wide",
    [
        Float(low=1e-320, high=1e-310, log=True),
        Float(low=1e200, high=1e300, log=True),
        Float(low=1e308, high=1.5e308),
    ],
)
def test_the_middle_of_a_range_of_tiny_or_huge_numbers_is_in_it(wide: Float) -> None:
    assert wide.contains(wide.clip(None))
