"""What every `StudyStore` makes of spaces with conditions, and of constants."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.space import Categorical, Float, Int, SearchSpace, Value
from mcp_automl.domain.study import Study, TrialState
from mcp_automl.domain.tracking import EntryKind
from tests.stores_for_tests import Pair, fake_pair, real_pair

# A warning of Optuna's is a call of ours that it does not want.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("error")]

CONDITIONAL = SearchSpace(
    {
        "lr": Float(low=1e-4, high=1.0, log=True),
        "optimizer": Categorical(choices=("adamw", "sgd")),
        "momentum": Float(low=0.0, high=0.9),
        "depth": Int(low=2, high=6, step=2),
        "skip": Categorical(choices=(True, False)),
    },
    {"momentum": {"optimizer": ("sgd",)}, "skip": {"depth": (4, 6), "optimizer": ("sgd",)}},
)
DEFAULT = {"lr": 1e-3, "optimizer": "adamw", "depth": 2}
CONSTANTS = {"epochs": 2, "activation": "gelu", "augment": False}


@pytest.fixture(params=["optuna-sqlite", "fake"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    return fake_pair() if request.param == "fake" else real_pair(tmp_path / "workspace" / "s.db")


async def started(pair: Pair) -> Study:
    return await pair.started(space=CONDITIONAL, default=DEFAULT, constants=CONSTANTS, n_trials=40)


async def asked(pair: Pair, study: Study, count: int) -> list[Mapping[str, Value]]:
    """Points of so many trials, each told a value before the next is asked for."""
    points = []
    for _ in range(count):
        suggestion = await pair.attempted(study)
        points.append(suggestion.params)
        value = 0.9 if suggestion.params["optimizer"] == "sgd" else 0.5
        record = Record(suggestion.trial, TrialState.COMPLETE, value, 0.0, "")
        await pair.store.record(study, record, Outcome.COMPLETED)
    return points


async def test_trials_have_what_exists_in_their_point_and_the_constants(pair: Pair) -> None:
    points = await asked(pair, await started(pair), 25)

    assert dict(points[0]) == {**CONSTANTS, **DEFAULT}
    for point in points:
        searched = {name: value for name, value in point.items() if name not in CONSTANTS}
        assert point.items() >= CONSTANTS.items()
        assert CONDITIONAL.clip(point) == pytest.approx(searched)
        assert set(CONDITIONAL.clip(point)) == set(searched)
    kinds = {("momentum" in point, "skip" in point) for point in points}
    assert kinds == {(False, False), (True, False), (True, True)}


async def test_a_trial_is_read_and_tracked_with_what_it_was_trained_with(pair: Pair) -> None:
    study = await started(pair)
    points = await asked(pair, study, 12)

    read = [dict(pair.registry.trial(study, number).params) for number in range(12)]
    begun = [e for e in await pair.entries() if e.kind is EntryKind.TRIAL_STARTED]

    assert read == [dict(point) for point in points]
    assert [dict(e.params) for e in begun] == [{"dataset": "digits", **point} for point in points]


async def test_an_interrupted_trial_keeps_what_did_not_exist_in_it(pair: Pair) -> None:
    study = await started(pair)
    await asked(pair, study, 8)
    flying = [await pair.attempted(study) for _ in range(4)]
    for suggestion in flying:
        record = Record(suggestion.trial, TrialState.WAITING, None, 0.0, "stopped by the user")
        await pair.store.record(study, record, Outcome.STOPPED)

    assert [await pair.store.ask(study) for _ in flying] == flying
