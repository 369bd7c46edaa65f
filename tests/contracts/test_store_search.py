"""How a study is searched is stored with it, and whoever takes it up searches so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.study import Target, TrialState
from tests.stores_for_tests import CONFIG, Pair, fake_pair, real_pair

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["real", "fake"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    make: Callable[[], Pair] = {
        "real": lambda: real_pair(tmp_path / "automl_studies.db"),
        "fake": fake_pair,
    }[request.param]
    return make()


@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize("pruner", [Pruner.MEDIAN, Pruner.ASHA])
def test_a_study_keeps_its_sampler_and_pruner(pair: Pair, sampler: Sampler, pruner: Pruner) -> None:
    config = replace(CONFIG, sampler=sampler, pruner=pruner)

    pair.registry.create(config)

    found = pair.registry.find(CONFIG.name)
    assert found is not None
    assert found.config == config


def test_a_study_that_lives_may_be_searched_in_another_way(pair: Pair) -> None:
    study = pair.registry.create(replace(CONFIG, pruner=Pruner.ASHA))

    changed = pair.registry.retarget(study.id, Target(sampler=Sampler.GP))

    assert (changed.config.sampler, changed.config.pruner) == (Sampler.GP, Pruner.ASHA)


@pytest.mark.parametrize("sampler", list(Sampler))
async def test_every_sampler_suggests_trials_that_can_be_trained_and_resumed(
    pair: Pair, sampler: Sampler
) -> None:
    study = await pair.started(sampler=sampler, pruner=Pruner.HYPERBAND)
    for _ in range(6):
        await pair.completed(study, 0.5, 0.6)
    interrupted = await pair.attempted(study)
    await pair.measure(study, interrupted.trial, {1: 0.5})
    record = Record(interrupted.trial, TrialState.WAITING, None, 0.01, "killed")
    await pair.store.record(study, record, Outcome.KILLED)

    await pair.store.open(study)

    assert await pair.store.ask(study) == interrupted
    assert (await pair.store.ask(study)).trial == interrupted.trial + 1
