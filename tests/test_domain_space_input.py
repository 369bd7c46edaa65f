"""What is understood of one parameter of a search space, and what is refused in which words."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space import Categorical, Float, Int, Parameter
from mcp_automl.domain.space_input import MAX_CHOICES, understood
from tests.declared_for_tests import (
    BATCH,
    DATASET,
    DROPOUT,
    EPOCHS,
    KERNEL,
    LR,
    MODEL,
    OPTIMIZER,
    SKIP,
)

NARROW = Float(low=1e-4, high=5e-3, log=True)


def fixed(value: Any) -> Categorical:
    return Categorical(choices=(value,))


UNDERSTOOD: list[tuple[Declared, object, Parameter]] = [
    # the full forms
    (LR, {"type": "float", "low": 1e-4, "high": 5e-3, "log": True}, NARROW),
    (LR, {"type": "float", "low": 1e-4, "high": 5e-3, "log": False}, Float(low=1e-4, high=5e-3)),
    (EPOCHS, {"type": "int", "low": 2, "high": 8, "step": 2}, Int(low=2, high=8, step=2)),
    (BATCH, {"type": "int", "low": 8, "high": 64, "log": True}, Int(low=8, high=64, log=True)),
    (BATCH, {"type": "categorical", "choices": [64, 512]}, Categorical(choices=(64, 512))),
    (LR, {"type": "categorical", "choices": [0.1, 0.01]}, Categorical(choices=(0.1, 0.01))),
    # "default", a bare value
    (LR, "default", Float(low=1e-5, high=1e-2, log=True)),
    (LR, " Default ", Float(low=1e-5, high=1e-2, log=True)),
    (DATASET, "default", fixed("auto")),
    (MODEL, "default", fixed("tiny")),
    (MODEL, "tiny", fixed("tiny")),
    (LR, 0.01, fixed(0.01)),
    (LR, "1e-2", fixed(0.01)),
    (LR, 1, fixed(1.0)),
    (BATCH, "64", fixed(64)),
    (BATCH, 64.0, fixed(64)),
    (OPTIMIZER, "SGD", fixed("sgd")),
    (OPTIMIZER, "none", fixed("none")),
    (SKIP, True, fixed(True)),
    (SKIP, "false", fixed(False)),
    (DATASET, "digits", fixed("digits")),
    # lists
    (LR, [1e-4, 5e-3], NARROW),
    (LR, (1e-4, 5e-3), NARROW),
    (LR, [1e-4, 5e-3, "linear"], Float(low=1e-4, high=5e-3)),
    (DROPOUT, [0.1, 0.5, "log"], Float(low=0.1, high=0.5, log=True)),
    (LR, [1e-4, 1e-3, 1e-2], Categorical(choices=(1e-4, 1e-3, 1e-2))),
    (LR, [1e-4], fixed(1e-4)),
    (EPOCHS, [2, 8], Int(low=2, high=8)),
    (EPOCHS, [2, 4, 8], Categorical(choices=(2, 4, 8))),
    (KERNEL, [3, 5], Int(low=3, high=5, step=2)),
    (BATCH, [32, 64], Categorical(choices=(32, 64))),
    (BATCH, ["32", 64], Categorical(choices=(32, 64))),
    (BATCH, [16, 256, "log"], Int(low=16, high=256, log=True)),
    (OPTIMIZER, ["sgd", "adamw"], Categorical(choices=("sgd", "adamw"))),
    (SKIP, [True, False], Categorical(choices=(True, False))),
    (DATASET, ["digits"], fixed("digits")),
    # other names, and what is left out
    (LR, {"min": 1e-4, "max": 5e-3}, NARROW),
    (LR, {"Lower": "1e-4", "upper": 5e-3, "scale": "log"}, NARROW),
    (LR, {"range": [1e-4, 5e-3]}, NARROW),
    (LR, {"type": "loguniform", "low": 1e-4, "high": 5e-3}, NARROW),
    (LR, {"type": "log_uniform", "min": 1e-4, "max": 5e-3}, NARROW),
    (LR, {"type": "uniform", "low": 1e-4, "high": 5e-3}, Float(low=1e-4, high=5e-3)),
    (LR, {"low": 1e-4}, Float(low=1e-4, high=1e-2, log=True)),
    (LR, {"high": 5e-3}, Float(low=1e-5, high=5e-3, log=True)),
    (LR, {"log": False}, Float(low=1e-5, high=1e-2)),
    (LR, {}, Float(low=1e-5, high=1e-2, log=True)),
    (LR, {"type": "float"}, Float(low=1e-5, high=1e-2, log=True)),
    (LR, {"type": "float", "low": 1e-3, "high": 1e-3}, fixed(1e-3)),
    (LR, {"type": "fixed", "value": 0.01}, fixed(0.01)),
    (LR, {"value": 0.01}, fixed(0.01)),
    (BATCH, {"values": [32, 64]}, Categorical(choices=(32, 64))),
    (BATCH, {"low": 2048}, Int(low=2048, high=4096)),
    (BATCH, {"type": "int"}, Categorical(choices=(32, 64, 128))),
    (OPTIMIZER, {"type": "categorical"}, Categorical(choices=("adamw", "sgd"))),
    (OPTIMIZER, {"options": ["sgd", "none"]}, Categorical(choices=("sgd", "none"))),
    (KERNEL, {"low": 1, "high": 9, "step": 4}, Int(low=1, high=9, step=4)),
    (KERNEL, {"step": None, "log": None, "low": 5}, Int(low=5, high=7, step=2)),
    (DROPOUT, {"low": 0.0, "high": 0.1}, Float(low=0.0, high=0.1)),
    (DROPOUT, {"low": 0.1, "step": None}, Float(low=0.1, high=0.7)),
]


@pytest.mark.parametrize(("declared", "asked", "meant"), UNDERSTOOD)
def test_what_people_and_agents_write_is_understood(
    declared: Declared, asked: object, meant: Parameter
) -> None:
    parameter = understood(declared, asked)

    assert parameter == meant
    if isinstance(meant, Categorical):
        assert isinstance(parameter, Categorical)
        assert list(map(type, parameter.choices)) == list(map(type, meant.choices))


REFUSED: list[tuple[Declared, object, str]] = [
    (LR, {"type": "float", "low": 1e-2, "high": 1e-5}, "lower bound 0.01 exceeds the upper bound"),
    (LR, [1e-2, 1e-5], "lower bound 0.01 exceeds the upper bound 1e-05"),
    (DROPOUT, {"low": 0, "high": 0.1, "log": True}, "a log scale needs a lower bound above 0"),
    (LR, {"low": 0, "high": 0.1, "log": True}, "0 is none of the values that it can have"),
    (LR, [1e-4, 5.0], "5.0 is none of the values"),
    (LR, 2.0, "2.0 is none of the values"),
    (LR, True, "True is no number"),
    (LR, "fast", "'fast' is no number"),
    (LR, math.nan, "nan is no number of a reasonable size"),
    (LR, math.inf, "inf is no number of a reasonable size"),
    (LR, 10**400, "is no number of a reasonable size"),
    (LR, [[1e-4]], "no number"),
    (LR, [], "choices are a list of one value or more, not .."),
    (LR, {"choices": []}, "choices are a list"),
    (LR, {"choices": "0.1"}, "choices are a list of one value or more, not '0.1'"),
    (LR, {"choices": [0.1, 0.1]}, "a choice stands twice"),
    (LR, {"type": "int", "low": 1, "high": 2}, "a real number; for whole ones"),
    (LR, {"low": 1e-4, "high": 1e-2, "step": 1e-3}, "takes no step"),
    (LR, {"low": 1e-4, "hi": 1e-2}, "nothing called 'hi'"),
    (LR, {"low": 1e-4, "min": 1e-4}, "low is given twice"),
    (LR, {"type": "gaussian"}, "type is float, int or categorical, not 'gaussian'"),
    (LR, {"type": "fixed"}, "its value is missing"),
    (LR, {"type": "categorical"}, "its choices are missing"),
    (LR, {"type": "categorical", "low": 1e-4, "high": 1e-2}, "choices and high contradict"),
    (LR, {"value": 1e-3, "low": 1e-4}, "value and low contradict"),
    (LR, {"low": 1e-4, "high": 1e-2, "log": "often"}, "log is true or false, not 'often'"),
    (LR, {"low": 1e-4, "high": 1e-2, "log": 1}, "log is true or false, not 1"),
    (LR, {"range": [1e-4]}, "a range has two ends, not .0.0001."),
    (LR, {"range": [1e-4, 1e-2], "low": 1e-4}, "a range has two ends"),
    (BATCH, [32, "a"], "'a' is no number"),
    (BATCH, [32.5, 64], "32.5 is no whole number"),
    (BATCH, 0, "0 is none of the values"),
    (BATCH, {"type": "float", "low": 1, "high": 2}, "it is a whole number"),
    (BATCH, list(range(1, MAX_CHOICES + 2)), "101 choices are more than 100"),
    (KERNEL, 4, "4 is none of the values"),
    (KERNEL, {"low": 1, "high": 9, "step": 3}, "step is a multiple of 2, not 3"),
    (EPOCHS, {"low": 1, "high": 9, "step": 0}, "step is 1 or more, not 0"),
    (EPOCHS, {"low": 1, "high": 9, "step": 2, "log": True}, "a log-scaled integer takes no step"),
    (OPTIMIZER, "adagrad", "'adagrad' is no choice of optimizer"),
    (OPTIMIZER, ["sgd", "adagrad"], "'adagrad' is no choice"),
    (OPTIMIZER, [["sgd"]], "is no choice"),
    (OPTIMIZER, {"low": 0, "high": 1}, "it has choices and no range"),
    (SKIP, 1, "1 is no choice of skip"),
    (DATASET, ["auto", "digits"], "it can be fixed, but not searched"),
    (MODEL, "/etc/passwd", "only the operator's configuration can set it"),
    (MODEL, ["tiny", "tiny "], "only the operator"),
    (MODEL, {"low": 1}, "choices and no range"),
]


@pytest.mark.parametrize(("declared", "asked", "says"), REFUSED)
def test_what_cannot_be_is_refused_with_the_form_of_that_very_parameter(
    declared: Declared, asked: object, says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        understood(declared, asked)

    assert str(refused.value).startswith(f"search_space: {declared.name}: ")
    assert f'Valid is "{declared.name}"' in str(refused.value)
    assert len(str(refused.value)) < 600


def test_a_number_that_python_would_not_write_is_refused_too() -> None:
    with pytest.raises(InvalidRequest, match="a number of too many digits is no choice"):
        understood(OPTIMIZER, 10**5000)


def test_a_range_of_numbers_that_can_only_be_set_is_refused() -> None:
    only_set = Declared(
        name="n", widest=Int(low=1, high=9), searched=None, default=1, description="N."
    )
    with pytest.raises(InvalidRequest, match="it can be fixed, but not searched"):
        understood(only_set, {"low": 1, "high": 3})


@pytest.mark.parametrize(
    ("declared", "form"),
    [
        (
            LR,
            (
                '"lr": {"type": "float", "low": 1e-05, "high": 0.01, "log": true}; or '
                '"lr": a number from 1e-06 to 1.0, or a list of such; or "default"'
            ),
        ),
        (
            KERNEL,
            (
                '"kernel": {"type": "int", "low": 3, "high": 7, "step": 2}; or '
                '"kernel": a whole number from 1 to 9 in steps of 2, or a list of such; '
                'or "default"'
            ),
        ),
        (
            OPTIMIZER,
            (
                '"optimizer": {"type": "categorical", "choices": ["adamw", "sgd"]}; or '
                '"optimizer": one of "adamw", "sgd", "none"; or "default"'
            ),
        ),
        (DATASET, '"dataset": one of "auto", "digits"; or "default"'),
        (MODEL, '"model", which only the operator\'s configuration sets'),
        (
            replace(MODEL, permitted=str),
            '"model": "tiny", or a text that the operator\'s configuration allows',
        ),
    ],
)
def test_the_valid_form_is_one_line(declared: Declared, form: str) -> None:
    assert declared.form() == form


@pytest.mark.parametrize("declared", [LR, BATCH, EPOCHS, DROPOUT, KERNEL, OPTIMIZER, SKIP])
def test_what_is_shown_as_an_example_is_understood_as_the_default(declared: Declared) -> None:
    name, _, written = declared.example().partition(": ")

    assert json.loads(name) == declared.name
    assert understood(declared, json.loads(written)) == declared.searched
