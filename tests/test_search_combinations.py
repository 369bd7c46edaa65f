"""Every sampler with every pruner, on objectives and spaces that make trouble."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from mcp_automl.domain.sampling import DEFAULT_SETTINGS, Pruner, Sampler, SearchSettings
from mcp_automl.domain.space import Categorical, Float, Int, Params, SearchSpace, Value
from mcp_automl.domain.study import Objective, StudyConfig, TrialState
from mcp_automl.stores.shadow import PastTrial, Proposal, ShadowStudy
from tests.stores_for_tests import CONFIG, real_pair

pytestmark = pytest.mark.filterwarnings("error")

STATIC = SearchSpace(
    {
        "lr": Float(low=1e-6, high=1.0, log=True),
        "dropout": Float(low=0.0, high=0.9),
        "width": Int(low=1, high=64, log=True),
        "batch": Int(low=8, high=100, step=16),
        "kind": Categorical(choices=("a", True, 1.5, None)),
        "fixed": Categorical(choices=("only",)),
    }
)
CONDITIONAL = SearchSpace(
    STATIC.parameters, {"width": {"kind": ("a", None)}, "batch": {"width": (1, 2)}}
)
ONE = (Objective(name="val_accuracy", maximize=True),)
TWO = (Objective(name="loss", maximize=False), Objective(name="cost_usd", maximize=False))
TRIALS, EPOCHS, IN_FLIGHT = 20, 7, 3
Course = Callable[[int, Params], list[float]]
"""A trial's values by epoch; it fails at one that is not finite."""


def sometimes_fails(number: int, point: Params) -> list[float]:
    size = math.log10(float(str(point["lr"]))) + 10 * float(str(point["dropout"]))
    values = [size * epoch for epoch in range(1, EPOCHS + 1)]
    if number % 7 == 3:
        values[number % 3] = math.nan
    return values


def constant(number: int, point: Params) -> list[float]:
    return [0.5] * EPOCHS


def searched(config: StudyConfig, course: Course, settings: SearchSettings) -> Iterator[Proposal]:
    """What is suggested in a study whose trials overlap, and which is resumed half-way."""
    shadow, past, running = ShadowStudy(config, settings), dict[int, PastTrial](), list[int]()
    for number in range(TRIALS + IN_FLIGHT):
        if number < TRIALS:
            found = shadow.suggest(number)
            past[number] = PastTrial(number=number, state=TrialState.RUNNING, params=found.point)
            running.append(number)
            yield found
        if number >= IN_FLIGHT:
            ended = running.pop(0)
            past[ended] = trained(shadow, past[ended], course)
        if number == TRIALS // 2:
            for other in running:
                past[other] = replace(past[other], state=TrialState.WAITING)
            shadow = ShadowStudy(config, settings)
            shadow.restore(list(past.values()))
            for other in running:
                assert shadow.suggest(other, fixed=past[other].params).point == past[other].params


def trained(shadow: ShadowStudy, past: PastTrial, course: Course) -> PastTrial:
    number, reported, state = past.number, dict[int, float](), TrialState.COMPLETE
    for epoch, value in enumerate(course(number, past.params), start=1):
        if not math.isfinite(value):
            state = TrialState.FAIL
            break
        reported[epoch] = value
        if shadow.report(number, epoch, value) is not None:
            state = TrialState.PRUNED
            break
    final = reported[EPOCHS] if state is TrialState.COMPLETE else None
    shadow.ended(number, state, final)
    return replace(past, state=state, value=final, values=reported)


def is_within(space: SearchSpace, point: Params) -> bool:
    known: dict[str, Value] = {}
    for name, parameter in space.parameters.items():
        if space.exists(name, known):
            if name not in point or not parameter.contains(point[name]):
                return False
            known[name] = point[name]
    return known == point


@pytest.mark.parametrize("pruner", list(Pruner))
@pytest.mark.parametrize("sampler", list(Sampler))
def test_every_sampler_with_every_pruner_stays_in_the_space_to_the_end(
    sampler: Sampler, pruner: Pruner
) -> None:
    conditions = [STATIC] if sampler in (Sampler.GP, Sampler.CMAES) else [STATIC, CONDITIONAL]
    courses: list[tuple[tuple[Objective, ...], Course]] = [(ONE, sometimes_fails), (TWO, constant)]
    # Every sampler and every pruner meets both courses.
    turn = list(Pruner).index(pruner) + list(Sampler).index(sampler)
    objectives, course = courses[turn % 2]
    settings = DEFAULT_SETTINGS
    if sampler in (Sampler.GP, Sampler.AUTO):
        # A Gaussian process takes tenths of a second: it suggests the last two trials alone.
        ended = [course(number, STATIC.clip({})) for number in range(TRIALS - IN_FLIGHT)]
        fails = sum(not all(map(math.isfinite, values)) for values in ended)
        settings = SearchSettings(startup_trials=TRIALS - IN_FLIGHT - 1 - fails)
    for space in conditions:
        config = replace(
            CONFIG,
            space=space,
            default=space.clip({}),
            objectives=objectives,
            epochs_max=EPOCHS,
            sampler=sampler,
            pruner=pruner,
        )
        found = list(searched(config, course, settings))

        assert len(found) == TRIALS
        assert [it.point for it in found if not is_within(space, it.point)] == []
        assert [it.stand_in for it in found if it.stand_in] == []


@pytest.mark.anyio
async def test_epochs_are_stored_while_a_gaussian_process_thinks_in_a_thread_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = real_pair(tmp_path / "automl_studies.db")
    study = await pair.started(sampler=Sampler.GP)
    running = await pair.attempted(study)
    thinks, go_on, threads = threading.Event(), threading.Event(), list[int]()
    suggest = ShadowStudy.suggest

    def slow(shadow: ShadowStudy, number: int, *, fixed: Params | None = None) -> Proposal:
        threads.append(threading.get_ident())
        thinks.set()
        assert go_on.wait(30)
        return suggest(shadow, number, fixed=fixed)

    monkeypatch.setattr(ShadowStudy, "suggest", slow)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pair.store.ask, study)
            await to_thread.run_sync(thinks.wait, 30)
            await pair.measure(study, running.trial, {1: 0.5})
            go_on.set()

    assert threading.get_ident() not in threads
    assert len(threads) == 1
