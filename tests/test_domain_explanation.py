"""What is said of a study's parameters, and what is not."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mcp_automl.domain.explanation import Explanation, Next, explanation, narrowed, wider
from mcp_automl.domain.figures import figure, listed, outward, several
from mcp_automl.domain.insight import Finding, Insight, insight, region, unit
from mcp_automl.domain.pictures.importances import in_words
from mcp_automl.domain.sample import Sample, how_many_best
from mcp_automl.domain.space import Categorical, Float, Int, Parameter, SearchSpace
from mcp_automl.domain.study import Study, StudyState, Trial
from tests.pictures_for_tests import SPACE, finished, sampled, some_trials, the_study


def judged(trials: list[Trial], study: Study | None = None) -> Insight:
    return insight(sampled(trials, study))


def explained(
    trials: list[Trial], study: Study | None = None, widest: Mapping[str, Parameter] | None = None
) -> Explanation:
    return explanation(finished(trials, study), judged(trials, study), widest or {})


def test_what_matters_stands_out_and_what_does_not_may_be_luck() -> None:
    found = judged(some_trials(40))
    assert [finding.name for finding in found.clear] == ["lr"]
    assert found.findings[0].name == "lr" and found.findings[0].share > found.findings[0].luck
    assert sum(finding.share for finding in found.findings) == pytest.approx(1)
    assert found == judged(some_trials(40)), "the same study is told the same twice"


@pytest.mark.parametrize(
    ("luck", "told", "verdict"),
    [
        (0.30, "lr (40 % of the importance)", "lr: 40 %, stands out (luck alone could reach 30 %)"),
        (0.35, "lr (40 % of the importance, just above luck)", "lr: 40 %, just above luck (luck"),
        (0.40, "No parameter stands out from luck", "lr: 40 %, may be luck (luck alone"),
    ],
)
def test_what_another_deal_of_luck_could_reach_is_told_to_be_just_above_it(
    luck: float, told: str, verdict: str
) -> None:
    found = judged(some_trials(40))
    lr = replace(a_finding("lr", [0.001]), share=0.4, luck=luck)
    said = explanation(finished(some_trials(40)), replace(found, findings=(lr,)))
    assert told in said.sentences[0] and in_words(lr).startswith(verdict)


def test_where_nothing_matters_something_stands_out_as_seldom_as_is_said() -> None:
    seeming = [seed for seed in range(20) if judged(some_trials(30, effect=0, seed=seed)).clear]
    assert len(seeming) <= 2


def test_of_few_trials_nothing_is_said_but_what_to_do() -> None:
    said = explained(some_trials(9))
    assert said.insight.findings == ()
    mattered, good = said.sentences
    few = "9 finished trials cannot tell what matters from luck; it takes at least 10"
    assert mattered == f"Nothing can be said about what mattered: {few}."
    best = f"#{said.seen.best.number} ({figure(said.seen.best.value or 0)})"
    assert good == f"The best so far is {best}; what to try next: more trials."
    assert (said.next, said.n_trials) == (Next.MORE_TRIALS, 20)


def test_of_equally_good_trials_nothing_is_said() -> None:
    found = judged([replace(trial, value=0.5) for trial in some_trials(20)])
    assert "equally good" in found.trouble


def test_of_parameters_with_one_value_or_few_trials_nothing_is_said() -> None:
    space = SearchSpace(
        {**SPACE.parameters, "fixed": Int(low=2, high=2), "same": Float(low=0, high=1)}, SPACE.when
    )
    trials = [
        replace(trial, params={**trial.params, "fixed": 2, "same": 0.5})
        for trial in some_trials(12)
    ]
    found = judged(trials, the_study(space))
    why = dict(found.unjudged)
    assert why["fixed"] == "it has a single value"
    assert why["same"] == "all trials have the same value"
    assert why["momentum"].endswith("only; 10 are needed")
    alone = judged(trials, the_study(SearchSpace({"fixed": Int(low=2, high=2)})))
    assert alone.trouble == "there is no parameter that can be judged"


def test_a_good_region_becomes_the_next_study() -> None:
    said = explained(some_trials(40))
    (lr,) = said.insight.clear
    assert said.next is Next.NARROWER and said.space is not None
    narrow = said.space.parameters["lr"]
    assert isinstance(narrow, Float)
    assert 1e-5 < narrow.low <= lr.region.low < lr.region.high <= narrow.high < 1e-1
    assert said.space.parameters["epochs"] == SPACE.parameters["epochs"]
    assert "What mattered, more than luck explains: lr (" in said.sentences[0]
    assert "cannot be told from luck" in said.sentences[0]
    assert said.sentences[1].startswith("The best 5 trials have lr 0.000")
    assert said.sentences[1].endswith(
        "(searched: 1e-05 to 0.1); what to try next: a narrower study."
    )


def test_a_good_region_at_a_bound_asks_for_wider_ones() -> None:
    said = explained(some_trials(60, peak=-1, effect=0.1))
    assert said.next is Next.WIDER
    assert "at the upper bound" in said.sentences[1]
    low = explained(some_trials(60, peak=-5, effect=0.1))
    assert "at the lower bound" in low.sentences[1]


@pytest.mark.parametrize(
    ("peak", "end", "widest"),
    [
        (-1, "upper bound, which is the highest", Float(low=1e-5, high=0.1, log=True)),
        (-5, "lower bound, which is the lowest", Float(low=1e-5, high=1.0, log=True)),
    ],
)
def test_at_a_bound_that_the_trainer_ends_at_no_wider_ones_are_asked_for(
    peak: int, end: str, widest: Float
) -> None:
    said = explained(some_trials(60, peak=peak, effect=0.1), widest={"lr": widest})
    assert said.next is Next.NARROWER
    assert f"at the {end} that the trainer allows" in said.sentences[1]
    wider = Float(low=1e-9, high=9.0, log=True)
    more = explained(some_trials(60, peak=peak, effect=0.1), widest={"lr": wider})
    assert more.next is Next.WIDER and "allows" not in more.sentences[1]


def test_the_best_of_a_large_study_are_its_best_and_not_those_that_were_picked() -> None:
    trials = some_trials(3_000)
    sample = sampled(trials)
    assert len(sample.picked.ranked) == 500 and len(sample.top) == 50
    assert sample.top == sample.whole.ranked[:50]
    found = insight(sample)
    assert (found.finished, found.used, found.best) == (3_000, 500, 50)
    lr = next(it for it in found.findings if it.name == "lr")
    assert lr.region == region("lr", SPACE.parameters["lr"], sample.whole.ranked[:50])


def test_as_many_are_read_with_parameters_as_are_looked_at() -> None:
    tied = finished([replace(trial, value=0.5) for trial in some_trials(3_000)])
    assert len(Sample.numbers(tied)) <= 1_000 and how_many_best(tied) == 500
    few = finished(some_trials(3))
    assert sorted(Sample.numbers(few)) == [0, 1, 2] and how_many_best(few) == 3


def test_without_insight_more_trials_are_advised() -> None:
    said = explained(some_trials(30, effect=0))
    assert said.next is Next.MORE_TRIALS
    assert said.sentences[0].startswith("No parameter stands out from luck in 30 finished trials: ")
    assert said.sentences[0].count(" and ") >= 1


@pytest.mark.parametrize(
    ("study", "advice"),
    [
        (the_study(state=StudyState.RUNNING), Next.WAIT),
        (the_study(id=-3), Next.ELSEWHERE),
    ],
)
def test_what_runs_is_waited_for_and_what_is_foreign_is_left(study: Study, advice: Next) -> None:
    assert explained(some_trials(40), study).next is advice


def a_finding(name: str, values: list[float | int | str]) -> Finding:
    trials = [replace(some_trials(1)[0], params={name: value}) for value in values]
    parameter = SPACE.parameters[name]
    where = region(name, parameter, trials)
    return Finding(name=name, parameter=parameter, share=1, luck=0, region=where, existing=9)


def test_a_narrower_space_keeps_what_others_depend_on_and_makes_no_single_values() -> None:
    assert narrowed(SPACE, (a_finding("optimizer", ["sgd"]),)) is None
    assert narrowed(SPACE, (a_finding("epochs", [4, 4]),)) is None
    assert narrowed(SPACE, (a_finding("lr", [1.0, 2.0]),)) is None, "values from outside"
    assert narrowed(SPACE, (a_finding("momentum", ["none"]),)) is None
    choices = narrowed(SPACE, (a_finding("batch_size", [256, 64]),))
    assert choices and choices.parameters["batch_size"] == Categorical(choices=(64, 256))
    whole = narrowed(SPACE, (a_finding("epochs", [6, 4]),))
    assert whole and whole.parameters["epochs"] == Int(low=4, high=6)


@pytest.mark.parametrize(
    ("name", "edge", "allowed", "becomes"),
    [
        ("lr", "upper", Float(low=1e-6, high=1.0, log=True), Float(low=1e-5, high=1.0, log=True)),
        ("lr", "lower", Float(low=0.0, high=1.0), None),
        ("lr", "lower", None, None),
        ("batch_size", "upper", Categorical(choices=(1, 2)), None),
        ("epochs", "upper", Int(low=1, high=90), None),
        ("depth", "lower", Int(low=1, high=90), Int(low=1, high=8)),
    ],
)
def test_a_wider_space_reaches_the_trainers_bound_where_it_can_be_asked_for(
    name: str, edge: str, allowed: Parameter | None, becomes: Parameter | None
) -> None:
    space = SearchSpace({**SPACE.parameters, "depth": Int(low=4, high=8)}, SPACE.when)
    at_edge = a_finding("lr", [0.01])
    found = replace(
        at_edge,
        name=name,
        parameter=space.parameters[name],
        region=replace(at_edge.region, edge=edge),
    )
    reached = wider(space, [found], {} if allowed is None else {name: allowed})
    assert (reached and reached.parameters[name]) == becomes


def test_where_the_best_lie_leaves_out_a_tenth_at_either_end() -> None:
    values: list[float | int | str] = [0.01, *([0.5] * 4), *([0.6] * 4), 0.9]
    assert (where := a_finding("momentum", values).region).trials == 10
    assert (where.low, where.high) == (0.5, 0.6)
    assert region("momentum", SPACE.parameters["momentum"], []).trials == 0


def test_numbers_are_short_and_ranges_rounded_outward() -> None:
    assert outward(0.00123, 0.00987) == (0.0012, 0.0099)
    assert outward(-0.123, 0.0) == (-0.13, 0.0)
    assert outward(0.3, 0.3) == (0.3, 0.3)
    assert (figure(0.98471), figure(12.3456), figure(1e-5)) == ("0.9847", "12.35", "1e-05")
    assert (several(1, "trial"), several(1_000, "trial")) == ("1 trial", "1,000 trials")
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert unit(Float(low=2, high=2), 2) == 0.5
