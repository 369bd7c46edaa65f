"""What is searched: the default space, changed by what was asked for, and its conditions."""

from dataclasses import replace

import pytest

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.search import Search, search
from mcp_automl.domain.space import Categorical, Float, Int, Parameter
from mcp_automl.domain.wishes import MAX_INPUT
from tests.declared_for_tests import (
    ALL,
    BATCH,
    DROPOUT,
    EPOCHS,
    KERNEL,
    LR,
    MOMENTUM,
    OPTIMIZER,
    SKIP,
)

LR_SEARCHED = Float(low=1e-5, high=1e-2, log=True)
BATCH_SEARCHED = Categorical(choices=(32, 64, 128))
DEFAULT: dict[str, Parameter] = {
    "lr": LR_SEARCHED,
    "batch_size": BATCH_SEARCHED,
    "epochs": Int(low=1, high=5),
}
BOTH = Categorical(choices=("adamw", "sgd"))


def asked(search_space: object, epochs_max: int | None = None) -> Search:
    return search(search_space, ALL, epochs_max)


@pytest.mark.parametrize("nothing", [None, {}, "", " ", "default", "{}", "null", {"lr": None}])
def test_who_asks_for_nothing_gets_the_default_space(nothing: object) -> None:
    found = asked(nothing)

    assert dict(found.space.parameters) == DEFAULT
    assert (dict(found.space.when), dict(found.constants), found.epochs_max) == ({}, {}, 5)


def test_what_is_named_changes_and_what_is_not_named_stays() -> None:
    found = asked({"lr": [1e-4, 1e-3], "dropout": "default", "Batch-Size": 64})

    assert dict(found.space.parameters) == {
        "lr": Float(low=1e-4, high=1e-3, log=True),
        "epochs": Int(low=1, high=5),
        "dropout": Float(low=0.0, high=0.7),
    }
    assert found.constants == {"batch_size": 64}


def test_a_space_may_come_as_json_in_a_text() -> None:
    assert asked('{"lr": [1e-4, 1e-3], "kernel": 5}') == asked({"lr": [1e-4, 1e-3], "kernel": 5})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("lr=0.1", "search_space is no JSON: 'lr=0.1'; it is a JSON object such as ."),
        ("[" * 5000, "is no JSON"),
        ("9" * 5000, "is no JSON"),
        ("x" * (MAX_INPUT + 1), "20001 characters are more than 20000"),
        ("3", "search_space is a JSON object such as .*, and not 3"),
        ([["lr", 0.1]], 'search_space is a JSON object such as ."lr": .'),
        ({"learning_rate": 0.1}, "no parameter 'learning_rate'; the closest there is: \"lr\": ."),
        ({"batchsize": 64}, "no parameter 'batchsize'; the closest there is: \"batch_size\": ."),
        ({"xyzzy": 64}, "no parameter 'xyzzy'. There are lr, batch_size, epochs, dropout, "),
        ({"lr": 0.1, "LR": 0.2}, "lr is given twice"),
        ({"lr": 0.1, "batch_size": 64, "epochs": 3}, "nothing is left to search; give at least"),
    ],
)
def test_what_is_no_space_is_refused_with_what_would_be_one(wrong: object, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        asked(wrong)

    assert len(str(refused.value)) < 600


# --- epochs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search_space", "epochs_max", "epochs", "most"),
    [
        (None, 8, Int(low=1, high=8), 8),
        ({"epochs": "default"}, 8, Int(low=1, high=8), 8),
        ({"epochs": "default"}, None, Int(low=1, high=5), 5),
        ({"epochs": [2, 8]}, None, Int(low=2, high=8), 8),
        ({"epochs": [2, 8]}, 10, Int(low=2, high=8), 10),
        ({"epochs": [2, 4, 16]}, None, Categorical(choices=(2, 4, 16)), 16),
        ({"epochs": {"low": 3}}, 9, Int(low=3, high=9), 9),
        ({"epochs": {"low": 3}}, None, Int(low=3, high=5), 5),
    ],
)
def test_epochs_and_epochs_max_agree(
    search_space: object, epochs_max: int | None, epochs: Parameter, most: int
) -> None:
    found = asked(search_space, epochs_max)

    assert found.space.parameters["epochs"] == epochs
    assert found.epochs_max == most


@pytest.mark.parametrize(("epochs_max", "most"), [(None, 7), (7, 7), (10, 10)])
def test_epochs_can_be_fixed(epochs_max: int | None, most: int) -> None:
    found = asked({"epochs": 7}, epochs_max)

    assert found.constants == {"epochs": 7}
    assert found.epochs_max == most


@pytest.mark.parametrize("epochs", [8, [2, 8], {"high": 8}, [1, 2, 8]])
def test_epochs_beyond_epochs_max_contradict_it(epochs: object) -> None:
    with pytest.raises(InvalidRequest, match="epochs may reach 8, but epochs_max is 5; leave"):
        asked({"epochs": epochs}, 5)


def test_epochs_depend_on_nothing() -> None:
    wish = {"epochs": {"low": 1, "high": 3, "when": {"optimizer": "sgd"}}, "optimizer": "default"}
    with pytest.raises(InvalidRequest, match="epochs cannot depend on other parameters"):
        asked(wish)


def test_a_trainer_without_epochs_has_none() -> None:
    found = search(None, (LR,), None)

    assert (dict(found.space.parameters), found.epochs_max) == ({"lr": LR_SEARCHED}, 1)
    assert search(None, (LR,), found.epochs_max) == found
    with pytest.raises(InvalidRequest, match="no parameter epochs; leave epochs_max out"):
        search(None, (LR,), 7)


def test_epochs_max_is_checked_before_anything_else() -> None:
    with pytest.raises(InvalidRequest, match="epochs_max must be from 1 to 10000, not 0"):
        asked(None, 0)


# --- conditions ---------------------------------------------------------------------------------


def test_a_parameter_exists_where_the_trainer_says_it_has_an_effect() -> None:
    found = asked({"optimizer": "default", "momentum": [0.5, 0.9]})

    assert found.space.parameters["optimizer"] == BOTH
    assert found.space.parameters["momentum"] == Float(low=0.5, high=0.9)
    assert found.space.when == {"momentum": {"optimizer": ("sgd",)}}


def test_a_condition_can_be_asked_for() -> None:
    wish = {"optimizer": ["adamw", "sgd"], "dropout": {"low": 0, "when": {"optimizer": "AdamW"}}}
    found = asked(wish)

    assert found.space.when == {"dropout": {"optimizer": ("adamw",)}}


def test_a_condition_may_name_whole_numbers_and_several_values() -> None:
    found = asked({"kernel": [3, 7], "skip": {"when": {"kernel": [5, "7"]}}})

    assert found.space.when == {"skip": {"kernel": (5, 7)}}


def test_the_trainers_condition_and_the_one_asked_for_must_both_hold() -> None:
    wish = {
        "optimizer": ["adamw", "sgd", "none"],
        "skip": "default",
        "momentum": {"low": 0.5, "if": {"skip": True, "optimizer": ["sgd", "none"]}},
    }

    assert asked(wish).space.when == {"momentum": {"optimizer": ("sgd",), "skip": (True,)}}


def test_conditions_that_contradict_each_other_are_refused() -> None:
    wish = {"optimizer": "default", "momentum": {"when": {"optimizer": "adamw"}}}
    with pytest.raises(InvalidRequest, match="an effect only when optimizer is no value at all"):
        asked(wish)


@pytest.mark.parametrize("optimizer", ["sgd", ["sgd"], {"value": "sgd"}])
def test_a_condition_on_what_is_fixed_falls_away(optimizer: object) -> None:
    found = asked({"optimizer": optimizer, "momentum": "default"})

    assert "momentum" in found.space.parameters
    assert (dict(found.space.when), found.constants) == ({}, {"optimizer": "sgd"})


def test_a_condition_that_all_values_meet_falls_away() -> None:
    wish = {
        "optimizer": ["adamw", "sgd"],
        "kernel": {"low": 3, "high": 5, "when": {"optimizer": ["sgd", "adamw", "none"]}},
        "skip": {"when": {"kernel": [3, 5]}},
        "dropout": {"when": {"skip": [True, False]}},
    }

    assert asked(wish).space.when == {}


def test_a_condition_on_what_need_not_exist_stays_though_all_values_meet_it() -> None:
    wish = {
        "optimizer": "default",
        "momentum": {"choices": [0.5, 0.9]},
        "skip": {"when": {"momentum": [0.5, 0.9]}},
    }

    assert asked(wish).space.when == {
        "momentum": {"optimizer": ("sgd",)},
        "skip": {"momentum": (0.5, 0.9)},
    }


def test_a_fixed_value_with_a_condition_is_no_constant() -> None:
    found = asked({"optimizer": "default", "momentum": 0.8})

    assert found.constants == {}
    assert found.space.parameters["momentum"] == Categorical(choices=(0.8,))
    assert found.space.when == {"momentum": {"optimizer": ("sgd",)}}


@pytest.mark.parametrize("wish", [{}, {"optimizer": "adamw"}, {"optimizer": ["adamw", "none"]}])
def test_a_parameter_that_would_never_have_an_effect_is_refused(wish: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked({**wish, "momentum": "default"})

    said = str(refused.value)
    assert said.startswith('search_space: momentum: it has an effect only when optimizer is "sgd"')
    assert 'Let optimizer have such a value: "optimizer": {"type": "categorical"' in said
    assert ('which is always "adamw" here' in said) is (not wish)


def test_what_nobody_named_is_left_out_where_it_has_no_effect() -> None:
    usual = replace(MOMENTUM, in_default_space=True)
    gated = replace(SKIP, in_default_space=True, when={"momentum": (0.9,)})
    searched = replace(OPTIMIZER, in_default_space=True)
    declared = (LR, searched, usual, replace(gated, when={"optimizer": ("sgd",)}))

    assert list(search({"optimizer": "adamw"}, declared, None).space.parameters) == ["lr"]
    assert list(search({"optimizer": "sgd"}, declared, None).space.parameters) == [
        "lr",
        "momentum",
        "skip",
    ]
    assert set(search(None, declared, None).space.when) == {"momentum", "skip"}


def test_what_depends_on_a_parameter_that_is_left_out_meets_its_default() -> None:
    usual = replace(KERNEL, in_default_space=True, when={"optimizer": ("sgd",)})
    by_default = replace(SKIP, in_default_space=True, when={"kernel": (3,)})
    otherwise = replace(DROPOUT, in_default_space=True, when={"kernel": (5,)})

    found = search(None, (LR, OPTIMIZER, usual, by_default, otherwise), None)

    assert list(found.space.parameters) == ["lr", "skip"]
    assert found.space.when == {}


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("optimizer=sgd", '"when" is written ."NAME": VALUE., and not \'optimizer=sgd\''),
        ({"optimiser": "sgd"}, "it depends on 'optimiser', which is no parameter"),
        ({"optimizer": "adam"}, "'adam' is no choice of optimizer"),
        ({"lr": 0.1}, "dropout cannot depend on lr, which has no separate values"),
        ({"batch_size": []}, "it has an effect only when batch_size is no value at all"),
        ({"batch_size": 512}, "it has an effect only when batch_size is 512. Let batch_size"),
        ({"dropout": 0.1}, "conditions go in a circle: dropout|cannot depend on dropout"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(when: object, says: str) -> None:
    wish = {"optimizer": "default", "lr": [0.01, 0.1], "dropout": {"when": when}}
    with pytest.raises(InvalidRequest, match=says) as refused:
        asked(wish)

    assert str(refused.value).startswith("search_space: ")


def test_conditions_in_a_circle_are_refused() -> None:
    wish = {"kernel": {"when": {"skip": True}}, "skip": {"when": {"kernel": 3}}}
    with pytest.raises(InvalidRequest, match="search_space: conditions go in a circle"):
        asked(wish)


def test_the_parameters_stand_in_the_trainers_order() -> None:
    found = search({"kernel": "default", "dropout": "default"}, (EPOCHS, KERNEL, DROPOUT, BATCH), 3)

    assert list(found.space.parameters) == ["epochs", "kernel", "dropout", "batch_size"]
