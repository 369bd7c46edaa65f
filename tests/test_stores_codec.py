"""What was once written must stay readable."""

import json

from mcp_automl.domain.space import Categorical, Float, Int
from mcp_automl.stores import codec

BEFORE_CONDITIONS = json.dumps(
    {
        "objectives": [{"name": "val_accuracy", "maximize": True}],
        "space": {
            "lr": {"kind": "float", "low": 1e-05, "high": 0.01, "log": True},
            "batch_size": {"kind": "categorical", "choices": [32, 64, 128, 256]},
            "epochs": {"kind": "int", "low": 1, "high": 5, "step": 1, "log": False},
        },
        "default": {"lr": 0.001, "batch_size": 64, "epochs": 5},
        "epochs_max": 5,
        "seed": 7,
    }
)
"""A study's spec as it was stored before spaces had conditions and studies constants."""


def test_a_study_stored_before_there_were_conditions_and_constants_is_still_read() -> None:
    config = codec.load_config(
        BEFORE_CONDITIONS, name="s", model="mnist", n_trials=3, cost_budget_usd=None, owner="me"
    )

    assert dict(config.space.parameters) == {
        "lr": Float(low=1e-5, high=1e-2, log=True),
        "batch_size": Categorical(choices=(32, 64, 128, 256)),
        "epochs": Int(low=1, high=5),
    }
    assert (dict(config.space.when), dict(config.constants)) == ({}, {})
