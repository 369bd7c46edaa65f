"""What becomes of a search whose sampler meets a numerical error."""

import logging
import math
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cmaes  # type: ignore[import-untyped]
import numpy as np
import optuna
import pytest
import scipy.linalg  # type: ignore[import-untyped]
import torch
from optuna.pruners import HyperbandPruner
from optuna.samplers import CmaEsSampler, GPSampler, TPESampler

from mcp_automl.domain.sampling import Choice, Pruner, Sampler, StoodIn, in_words
from mcp_automl.domain.space import Categorical, Float, Int, Params, SearchSpace
from mcp_automl.domain.study import Study, TrialState
from mcp_automl.stores import sampling
from mcp_automl.stores.shadow import ShadowStudy
from tests.stores_for_tests import CONFIG, Pair, real_pair

MIXED = SearchSpace(
    {
        "x": Float(low=0.0, high=1.0),
        "width": Int(low=1, high=1000, log=True),
        "kind": Categorical(choices=("a", "b", None, True)),
    }
)
SEARCHED = replace(CONFIG, space=MIXED, default=MIXED.clip({}), pruner=Pruner.NONE)
SINGULAR = torch.linalg.LinAlgError("singular")  # type: ignore[attr-defined]
AS_GP = "TPE, as Gaussian process met a numerical error"


def within(point: Params) -> bool:
    return point.keys() == MIXED.parameters.keys() and all(
        MIXED.parameters[name].contains(value) for name, value in point.items()
    )


def fails(error: Exception) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise error

    return fail


async def after_startup(tmp_path: Path) -> tuple[Pair, Study]:
    """A real study that a Gaussian process suggests from now on."""
    pair = real_pair(tmp_path / "automl_studies.db")
    study = await pair.started(sampler=Sampler.GP)
    for _ in range(5):
        await pair.completed(study, 0.5)
    return pair, study


def by_optuna(tmp_path: Path, study: Study) -> optuna.Study:
    """The same study, as somebody else opens it."""
    url = f"sqlite:///{tmp_path / 'automl_studies.db'}"
    return optuna.load_study(study_name=study.config.name, storage=url)


def learned(sampler: Sampler) -> ShadowStudy:
    """A study in which a sampler has something to learn from."""
    shadow = ShadowStudy(replace(SEARCHED, sampler=sampler))
    for number in range(6):
        shadow.suggest(number)
        shadow.ended(number, TrialState.COMPLETE, 0.1 * number)
    return shadow


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_too_large_for_a_gaussian_process_do_not_end_a_study() -> None:
    shadow = ShadowStudy(replace(SEARCHED, sampler=Sampler.GP))
    stand_ins = list[str]()
    for number in range(10):
        found = shadow.suggest(number)
        assert within(found.point)
        stand_ins.append(found.stand_in)
        shadow.ended(number, TrialState.COMPLETE, (-1) ** number * 1.7e308)

    assert stand_ins[9]
    assert all(said.startswith(f"{AS_GP} (") for said in stand_ins if said)


@pytest.mark.parametrize(
    ("kind", "sampler", "error", "said"),
    [
        (GPSampler, Sampler.GP, SINGULAR, f"{AS_GP} (LinAlgError)"),
        (GPSampler, Sampler.GP, OverflowError("too large"), f"{AS_GP} (OverflowError)"),
        (
            CmaEsSampler,
            Sampler.CMAES,
            np.linalg.LinAlgError("singular"),
            "TPE, as CMA-ES met a numerical error (LinAlgError)",
        ),
        (
            TPESampler,
            Sampler.TPE,
            ValueError("cannot convert float NaN to integer"),
            "random, as TPE met a numerical error (ValueError)",
        ),
    ],
)
def test_a_numerical_error_costs_one_suggestion_of_the_sampler_and_is_told(
    kind: type,
    sampler: Sampler,
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shadow = learned(sampler)
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(kind, "sample_relative", fails(error))
        found = shadow.suggest(6)

    assert within(found.point)
    assert found.stand_in == said
    assert f"trial #6 comes from {said}: {error}" in caplog.text

    after = shadow.suggest(7)
    assert within(after.point)
    assert not after.stand_in


def test_what_is_not_a_number_is_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    shadow = learned(Sampler.GP)
    found = {"width": 3, "x": float("nan"), "kind": "a"}
    monkeypatch.setattr(GPSampler, "sample_relative", lambda *_: dict(found))

    instead = shadow.suggest(6)
    assert within(instead.point)
    assert instead.stand_in == f"{AS_GP} (FloatingPointError)"


def test_a_gaussian_process_thinks_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    shadow, seen = learned(Sampler.GP), list[int]()

    def counts(*_: object) -> dict[str, object]:
        seen.append(torch.get_num_threads())
        return {}

    monkeypatch.setattr(GPSampler, "sample_relative", counts)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        shadow.suggest(6)
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)

    assert (seen, after) == ([1], 2)


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, AssertionError, TypeError])
@pytest.mark.parametrize("torch_is_loaded", [True, False])
def test_a_mistake_in_the_code_of_a_sampler_is_not_hidden(
    kind: type[Exception], torch_is_loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = learned(Sampler.GP)
    monkeypatch.setattr(GPSampler, "sample_relative", fails(kind("wrong call")))
    if not torch_is_loaded:
        monkeypatch.setattr(sampling, "_in_one_thread", nullcontext)
        monkeypatch.delitem(sys.modules, "torch")

    with pytest.raises(kind, match="wrong call"):
        shadow.suggest(6)


@pytest.mark.parametrize(
    "fail",
    [
        lambda: np.linalg.cholesky(np.array([[-1.0]])),
        lambda: torch.linalg.cholesky(torch.tensor([[-1.0]])),
        lambda: np.random.default_rng(0).choice(2, p=[math.nan, 1.0]),
        lambda: scipy.linalg.solve(np.array([[math.nan]]), np.array([1.0])),
        lambda: cmaes.CMA(mean=np.array([math.nan]), sigma=1.0),
        lambda: cmaes.CMA(np.zeros(2), 1.0, population_size=4).tell(
            [(np.full(2, math.nan), 1.0)] * 4
        ),
        lambda: int(math.nan),
        lambda: int(math.inf),
    ],
)
def test_what_fails_on_numbers_is_told_from_mistakes(fail: Callable[[], object]) -> None:
    with pytest.raises(sampling.MAYBE_NUMERICAL) as failed:
        fail()

    assert sampling.is_numerical(failed.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cmaes.CMA(np.zeros(2), 1.0).tell([]),
        lambda: cmaes.CMA(np.zeros(2), 1.0, bounds=np.ones((2, 2))),
        lambda: cmaes.CMA(np.zeros(2), 0.0),
    ],
)
def test_a_wrong_call_of_cma_es_is_a_mistake(call: Callable[[], object]) -> None:
    with pytest.raises(AssertionError) as failed:
        call()

    assert not sampling.is_numerical(failed.value)


@pytest.mark.anyio
async def test_a_study_says_which_trials_another_sampler_has_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, study = await after_startup(tmp_path)
    assert pair.registry.progress(study).stood_in is None
    monkeypatch.setattr(GPSampler, "sample_relative", fails(SINGULAR))

    for _ in range(2):
        await pair.completed(study, 0.5)

    told = pair.registry.progress(study).stood_in
    assert told == StoodIn(trials=2, last=6, why=f"{AS_GP} (LinAlgError)")
    assert in_words(Choice(sampler=Sampler.GP), Pruner.ASHA, told, finished=7) == (
        f"Gaussian process, ASHA; a stand-in suggested 2 trials, last #6: {AS_GP} (LinAlgError)"
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    "noted",
    [
        {"trials": "x", "last": 5, "why": ""},
        {"trials": 1, "last": None, "why": ""},
        {"trials": 1, "last": 5, "why": ["it"]},
        {"trials": True, "last": 5, "why": ""},
        {"trials": 1, "last": 5},
        {"trials": 1, "last": 5, "why": "", "who": "me"},
        ["trials", "last", "why"],
        None,
    ],
)
async def test_a_note_that_somebody_has_damaged_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: object
) -> None:
    pair, study = await after_startup(tmp_path)
    by_optuna(tmp_path, study).set_user_attr("automl_stood_in", noted)
    assert pair.registry.progress(study).stood_in is None
    monkeypatch.setattr(GPSampler, "sample_relative", fails(SINGULAR))

    await pair.completed(study, 0.5)

    told = pair.registry.progress(study).stood_in
    assert told == StoodIn(trials=1, last=5, why=f"{AS_GP} (LinAlgError)")


@pytest.mark.anyio
async def test_a_stand_in_is_told_though_somebody_enqueued_a_trial_while_it_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, study = await after_startup(tmp_path)

    def interrupted(*_: object) -> object:
        by_optuna(tmp_path, study).enqueue_trial({"lr": 1e-3})
        raise SINGULAR

    monkeypatch.setattr(GPSampler, "sample_relative", interrupted)
    assert (await pair.store.ask(study)).trial == 6

    told = pair.registry.progress(study).stood_in
    assert told == StoodIn(trials=1, last=6, why=f"{AS_GP} (LinAlgError)")


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.GP, Sampler.CMAES])
def test_a_sampler_learns_from_all_brackets_and_never_asks_hyperband(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_create_bracket_study", "_get_bracket_id"):
        monkeypatch.setattr(HyperbandPruner, name, fails(AssertionError(name)))
    points = []
    for pruner in (Pruner.HYPERBAND, Pruner.NONE):
        shadow = ShadowStudy(replace(SEARCHED, sampler=sampler, pruner=pruner))
        for number in range(8):
            found = shadow.suggest(number)
            assert not found.stand_in
            shadow.ended(number, TrialState.COMPLETE, 0.1 * number)
        points.append(found.point)

    assert points[0] == points[1]
