"""A study's search in memory, with the product's own samplers and pruners."""

import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest

from mcp_automl.domain.sampling import Pruner, Sampler, SearchSettings
from mcp_automl.domain.space import Categorical, Float, SearchSpace
from mcp_automl.domain.study import Objective, StudyConfig, TrialState
from mcp_automl.stores.shadow import PastTrial, ShadowStudy
from tests.stores_for_tests import CONFIG

# A warning of Optuna's is a call of ours that it does not want.
pytestmark = pytest.mark.filterwarnings("error")

LINE = SearchSpace({"x": Float(low=0.0, high=1.0), "y": Float(low=0.0, high=1.0)})
ON_A_LINE = replace(CONFIG, space=LINE, default={"x": 0.1, "y": 0.9}, epochs_max=20)


def trained(shadow: ShadowStudy, number: int, values: Mapping[int, float]) -> str | None:
    """A trial that reports these values, until the pruner ends it; its reason."""
    shadow.suggest(number)
    reason = None
    for epoch, value in values.items():
        reason = shadow.report(number, epoch, value)
        if reason is not None:
            break
    state = TrialState.COMPLETE if reason is None else TrialState.PRUNED
    shadow.ended(number, state, values[max(values)] if reason is None else None)
    return reason


def closeness(point: Mapping[str, object]) -> float:
    return 1.0 - abs(float(str(point["x"])) - 0.7) - abs(float(str(point["y"])) - 0.2)


# --- samplers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", list(Sampler))
def test_the_first_trial_is_the_default_and_the_others_are_within_the_space(
    sampler: Sampler,
) -> None:
    shadow = ShadowStudy(replace(CONFIG, sampler=sampler))

    points = [shadow.suggest(number).point for number in range(8)]
    for number, value in enumerate((0.1, 0.5, 0.3, 0.2, 0.4, 0.6)):
        shadow.ended(number, TrialState.COMPLETE, value)
    points += [shadow.suggest(number).point for number in (8, 9)]

    assert points[0] == CONFIG.default
    for point in points:
        assert point.keys() == CONFIG.space.parameters.keys()
        assert all(CONFIG.space.parameters[name].contains(v) for name, v in point.items())
        assert point["lr"] == float(f"{point['lr']:.4g}")


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.GP, Sampler.CMAES])
def test_pruned_trials_teach_a_sampler(sampler: Sampler) -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=sampler, pruner=Pruner.NONE))
    late: list[float] = []
    for number in range(40 if sampler is not Sampler.GP else 14):
        value = closeness(shadow.suggest(number).point)
        shadow.report(number, 1, value)
        shadow.ended(number, TrialState.PRUNED)
        late.append(value)

    # A random point's mean is 0.46, with a deviation of 0.23.
    assert sum(late[-10:]) / 10 > 0.58


def test_a_gaussian_process_takes_up_what_was_trained_before() -> None:
    past = [
        PastTrial(number=n, state=TrialState.PRUNED, params={"x": x, "y": 0.2}, values={1: v})
        for n, (x, v) in enumerate([(0.0, 0.3), (0.2, 0.5), (0.5, 0.8), (0.7, 1.0), (1.0, 0.7)])
    ]
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=Sampler.GP))
    shadow.restore(past)

    point = shadow.suggest(5).point

    assert abs(float(str(point["x"])) - 0.7) < 0.25


def test_cmaes_goes_on_from_what_was_trained_when_a_study_is_resumed() -> None:
    config = replace(ON_A_LINE, sampler=Sampler.CMAES, pruner=Pruner.NONE)
    past, late = list[PastTrial](), list[float]()
    for number in range(72):
        if number % 8 == 0:
            shadow = ShadowStudy(config)
            shadow.restore(past)
        params = shadow.suggest(number).point
        value = closeness(params)
        shadow.ended(number, TrialState.COMPLETE, value)
        ended = TrialState.COMPLETE
        past.append(PastTrial(number=number, state=ended, params=params, value=value))
        late.append(value)

    # It ends at 0.9 if it is never resumed, and at 0.5 if it begins anew each time.
    assert sum(late[-24:]) / 24 > 0.8


def test_cmaes_takes_up_what_another_sampler_has_suggested() -> None:
    past = [
        PastTrial(number=n, state=TrialState.PRUNED, params={"x": x, "y": y}, values={1: v})
        for n, (x, y) in enumerate((i / 5, j / 5) for i in range(6) for j in range(6))
        for v in [closeness({"x": x, "y": y})]
    ]
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=Sampler.CMAES, pruner=Pruner.NONE))
    shadow.restore(past)

    values = [closeness(shadow.suggest(number).point) for number in range(36, 46)]

    assert sum(values) / 10 > 0.58


def test_auto_changes_to_tpe_when_a_gaussian_process_grows_slow() -> None:
    settings = SearchSettings(gp_max_trials=7)
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=Sampler.AUTO), settings)
    working = []
    for number in range(9):
        working.append(shadow.choice.sampler)
        trained(shadow, number, {1: 0.5})

    assert working == [Sampler.GP] * 7 + [Sampler.TPE] * 2


def test_without_torch_auto_is_tpe_and_says_so() -> None:
    shadow = ShadowStudy(replace(CONFIG, sampler=Sampler.AUTO), has_torch=False)

    assert shadow.choice.sampler is Sampler.TPE
    assert shadow.choice.why == "auto: torch is not installed"


def test_auto_learns_conditional_parameters_in_groups() -> None:
    space = SearchSpace(
        {"kind": Categorical(choices=("a", "b")), "x": Float(low=0.0, high=1.0)},
        {"x": {"kind": ("b",)}},
    )
    shadow = ShadowStudy(replace(CONFIG, space=space, default={"kind": "a"}, sampler=Sampler.AUTO))
    points = []
    for number in range(40):
        point = shadow.suggest(number).point
        points.append(point)
        x = point.get("x")
        assert ("x" in point) is (point["kind"] == "b")
        value = 0.1 if x is None else 1.0 - abs(float(str(x)) - 0.8)
        shadow.ended(number, TrialState.COMPLETE, value)

    late = [float(str(point["x"])) for point in points[20:] if "x" in point]
    assert sum(abs(x - 0.8) < 0.25 for x in late) > len(late) / 2


def test_trials_that_run_are_not_suggested_again() -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=Sampler.GP))
    for number in range(6):
        trained(shadow, number, {1: 0.1 * number})

    running = [tuple(shadow.suggest(number).point.values()) for number in (6, 7, 8)]

    assert len(set(running)) == 3


def test_a_failed_trial_teaches_nothing_and_takes_its_number() -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=Sampler.AUTO))
    shadow.suggest(0)
    shadow.ended(0, TrialState.FAIL)
    shadow.ended(0, TrialState.COMPLETE, 1.0)

    assert shadow.next_number == 1
    assert shadow.suggest(1).point != ON_A_LINE.default


# --- trials that wait --------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.AUTO])
def test_an_interrupted_trial_goes_on_with_its_point(sampler: Sampler) -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=sampler))
    for number in range(6):
        trained(shadow, number, {1: 0.5, 2: 0.1 * number})
    point = shadow.suggest(6).point
    shadow.report(6, 1, 0.5)
    shadow.ended(6, TrialState.WAITING)

    assert shadow.suggest(6, fixed=point).point == point
    assert shadow.knows(6, 1)
    assert shadow.suggest(7).point != point


def test_what_a_given_point_lacks_is_suggested() -> None:
    shadow = ShadowStudy(CONFIG)

    point = shadow.suggest(0, fixed={"lr": 0.005}).point

    assert point["lr"] == 0.005
    assert point.keys() == CONFIG.space.parameters.keys()


def test_numbers_come_in_order() -> None:
    with pytest.raises(ValueError, match="trial #3 is not the next, #0 is"):
        ShadowStudy(CONFIG).suggest(3)


def test_a_trial_that_has_ended_is_not_begun_again() -> None:
    shadow = ShadowStudy(CONFIG)
    trained(shadow, 0, {1: 0.5})

    with pytest.raises(ValueError, match="has ended: COMPLETE"):
        shadow.suggest(0)


def test_epochs_are_reported_while_the_sampler_thinks() -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, sampler=Sampler.GP, pruner=Pruner.ASHA))
    for number in range(6):
        trained(shadow, number, {1: 0.1 * number})
    shadow.suggest(6)
    points: list[Mapping[str, object]] = []
    thinker = threading.Thread(target=lambda: points.append(shadow.suggest(7).point))

    thinker.start()
    reasons = [shadow.report(6, epoch, 0.5) for epoch in range(1, 20)]
    shadow.ended(6, TrialState.COMPLETE, 0.5)
    thinker.join(60)

    assert reasons == [None] * 19
    assert points
    assert points[0].keys() == LINE.parameters.keys()
    assert shadow.next_number == 8


# --- pruners -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", list(Pruner))
@pytest.mark.parametrize("epochs_max", [1, 2, 20])
def test_no_pruner_judges_the_first_epoch(pruner: Pruner, epochs_max: int) -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, pruner=pruner, epochs_max=epochs_max))

    assert [trained(shadow, n, {1: 1.0 / (n + 1)}) for n in range(12)] == [None] * 12


def test_without_a_pruner_everything_is_trained_through() -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, pruner=Pruner.NONE))

    assert [trained(shadow, n, dict.fromkeys(range(1, 20), -n)) for n in range(9)] == [None] * 9


@pytest.mark.parametrize(
    ("maximize", "sign", "said"),
    [
        (True, 1.0, "its best val_accuracy 0.1500 is below 0.2000, the 25th percentile of 5"),
        (False, -1.0, "its best val_accuracy -0.1500 is above -0.2000, the 75th percentile of 5"),
    ],
)
def test_the_percentile_stops_the_lowest_quarter(maximize: bool, sign: float, said: str) -> None:
    objective = Objective(name="val_accuracy", maximize=maximize)
    shadow = ShadowStudy(
        replace(ON_A_LINE, pruner=Pruner.PERCENTILE, objectives=(objective,), epochs_max=5)
    )
    for number, value in enumerate((0.1, 0.2, 0.3, 0.4, 0.5)):
        assert trained(shadow, number, {1: 0.0, 2: sign * value}) is None

    reason = trained(shadow, 5, {1: -1.0 * sign, 2: sign * 0.15})

    assert reason == f"pruned at epoch 2: {said} complete trials at that epoch"


def test_asha_lets_one_in_three_go_on_and_says_where_a_trial_stood() -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, pruner=Pruner.ASHA))

    reasons = [trained(shadow, n, {1: 0.1, 2: v}) for n, v in enumerate((0.5, 0.6, 0.4, 0.55))]

    rest = "trials that got there, and only the best goes on"
    assert reasons == [
        None,
        None,
        f"pruned at epoch 2: its val_accuracy 0.4000 is number 3 of 3 {rest}",
        f"pruned at epoch 2: its val_accuracy 0.5500 is number 2 of 4 {rest}",
    ]


def test_hyperband_compares_within_brackets() -> None:
    shadow = ShadowStudy(replace(ON_A_LINE, pruner=Pruner.HYPERBAND, sampler=Sampler.GP))

    reasons = [trained(shadow, n, dict.fromkeys(range(1, 20), 1.0 / (n + 1))) for n in range(12)]

    said = [reason for reason in reasons if reason is not None]
    assert said
    assert all("of its bracket that got there" in reason for reason in said)
    assert {reason.split(":")[0] for reason in said} > {"pruned at epoch 2"}


@pytest.mark.parametrize("pruner", [p for p in Pruner if p is not Pruner.NONE])
def test_after_a_resume_a_trial_is_judged_as_it_would_have_been(pruner: Pruner) -> None:
    config = replace(ON_A_LINE, pruner=pruner, sampler=Sampler.RANDOM)
    lasting, past = ShadowStudy(config), list[PastTrial]()
    for number in range(15):
        values = dict.fromkeys(range(1, 20), (number * 7 % 15) / 15)
        params = lasting.suggest(number).point
        reason, reported = None, dict[int, float]()
        for epoch, value in values.items():
            reported[epoch] = value
            reason = lasting.report(number, epoch, value)
            if reason is not None:
                break
        state = TrialState.COMPLETE if reason is None else TrialState.PRUNED
        final = 0.5 if reason is None else None
        lasting.ended(number, state, final)
        past.append(
            PastTrial(number=number, state=state, params=params, value=final, values=reported)
        )
    resumed = ShadowStudy(config)
    resumed.restore(past)

    curve = dict.fromkeys(range(1, 20), 0.3)

    assert trained(resumed, 15, curve) == trained(lasting, 15, curve)
    assert trained(resumed, 16, curve) == trained(lasting, 16, curve)


def test_the_pruner_compares_with_complete_trials_though_the_sampler_sees_more() -> None:
    config: StudyConfig = replace(ON_A_LINE, sampler=Sampler.GP, pruner=Pruner.MEDIAN)
    shadow = ShadowStudy(config)
    for number in range(8):
        shadow.suggest(number)
        for epoch in range(1, 6):
            shadow.report(number, epoch, 1.0)
        shadow.ended(number, TrialState.PRUNED)

    assert trained(shadow, 8, dict.fromkeys(range(1, 6), 0.0)) is None
