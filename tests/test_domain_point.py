"""What a training is trained with: named values, each one that the trainer declares."""

import pytest

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.point import point, with_usual_epochs
from tests.declared_for_tests import ALL, LR


def test_values_come_by_their_own_argument_or_in_params() -> None:
    named = {"lr": 0.001, "batch_size": None}
    assert point(named, {"optimizer": "sgd"}, ALL) == {"lr": 0.001, "optimizer": "sgd"}


def test_params_may_come_as_json_in_a_text_and_numbers_as_texts() -> None:
    assert point({"lr": "1e-3"}, '{"optimizer": "sgd"}', ALL) == {"lr": 1e-3, "optimizer": "sgd"}


def test_default_is_the_trainers_default() -> None:
    assert point({}, {"lr": "default"}, ALL) == {"lr": LR.default}


@pytest.mark.parametrize(
    ("named", "params", "told"),
    [
        ({"speed": 3}, None, "no parameter 'speed'; it has lr"),
        ({"lr": 1e-3}, {"lr": 1e-2}, "lr is given twice"),
        ({}, {"lr": [1e-4, 1e-2]}, "params: lr: a training takes one value, not .*search_space"),
        ({}, {"lr": {"low": 1e-4}}, "params: lr: a training takes one value"),
        ({"lr": -1.0}, None, "the job: lr: .*Valid is"),
        ({}, {"learning_rate": 1e-3}, "params: there is no parameter 'learning_rate'"),
        ({"lr": -1.0}, None, 'Valid is "lr": a number from [^;]*$'),
        ({}, {"optimizer": "what"}, 'Valid is "optimizer": one of [^;]*$'),
        ({}, {"model": 7}, 'Valid is "model", which only the operator'),
        ({}, {"lrr": 1e-3}, 'the closest there is: "lr": a number from [^;]*. There are'),
        ({}, 5, r'params is a JSON object such as {"lr": [0-9.e-]+}, and not'),
        ({}, "{", r'params is no JSON: .* such as {"lr": [0-9.e-]+}$'),
    ],
)
def test_what_cannot_be_trained_is_refused_with_what_can(
    named: dict[str, object], params: object, told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told):
        point(named, params, ALL)


def test_a_trainer_with_epochs_trains_three_where_nobody_says_more() -> None:
    assert with_usual_epochs({"lr": 0.1}, ALL) == {"epochs": 3, "lr": 0.1}
    assert with_usual_epochs({"epochs": 7}, ALL) == {"epochs": 7}
    assert with_usual_epochs({"lr": 0.1}, [LR]) == {"lr": 0.1}
