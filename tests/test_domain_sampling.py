"""Which sampler works, why, and what is refused."""

import pytest

from mcp_automl.answers import ExportFormat
from mcp_automl.domain.bounds import one_of
from mcp_automl.domain.costs import GroupBy
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.pictures.kinds import Kind
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.sampling import (
    Choice,
    Pruner,
    Sampler,
    StoodIn,
    check_sampler,
    choose,
    in_words,
    stood_in_words,
)
from mcp_automl.domain.space import Categorical, Float, Int, SearchSpace
from mcp_automl.domain.training_job import Priority

NUMBERS = SearchSpace({"lr": Float(low=1e-5, high=1e-2, log=True), "width": Int(low=1, high=9)})
MIXED = SearchSpace({"lr": Float(low=0.0, high=1.0), "kind": Categorical(choices=("a", "b"))})
CHOICES = SearchSpace({"kind": Categorical(choices=("a", "b"))})
CONDITIONAL = SearchSpace(
    {"kind": Categorical(choices=("a", "b")), "x": Float(low=0.0, high=1.0)},
    {"x": {"kind": ("b",)}},
)
FINE = SearchSpace({"lr": Float(low=0.0, high=1.0), "seed": Int(low=1, high=100_001)})
ENDLESS = SearchSpace({"lr": Float(low=0.0, high=1.0), "x": Float(low=-1e308, high=1e308)})


def wide(n: int) -> SearchSpace:
    return SearchSpace({f"x{i}": Float(low=0.0, high=1.0) for i in range(n)})


def yes() -> bool:
    return True


def no() -> bool:
    return False


def never() -> bool:
    raise AssertionError("torch was looked for where it does not matter")


@pytest.mark.parametrize(
    ("space", "finished", "torch", "said"),
    [
        (NUMBERS, 5, yes, "Gaussian process (auto: 2 parameters, under 200 finished trials)"),
        (wide(1), 199, yes, "Gaussian process (auto: 1 parameter, under 200 finished trials)"),
        (wide(20), 5, yes, "Gaussian process (auto: 20 parameters, under 200 finished trials)"),
        (wide(21), 5, never, "TPE (auto: 21 parameters, more than 20)"),
        (NUMBERS, 200, never, "TPE (auto: from 200 finished trials on)"),
        (NUMBERS, 5, no, "TPE (auto: torch is not installed)"),
        (CONDITIONAL, 5, never, "TPE (auto: conditional parameters)"),
        (FINE, 5, never, "TPE (auto: seed has more than 100,000 values)"),
    ],
)
def test_auto_takes_a_gaussian_process_where_it_is_the_better_tool(
    space: SearchSpace, finished: int, torch: object, said: str
) -> None:
    choice = choose(Sampler.AUTO, space, finished, torch)  # type: ignore[arg-type]

    assert in_words(choice, Pruner.ASHA, finished=finished) == f"{said}, ASHA"
    assert choice.grouped is (space is CONDITIONAL)


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.GP, Sampler.RANDOM])
def test_who_names_a_sampler_gets_it(sampler: Sampler) -> None:
    assert choose(sampler, NUMBERS, 1000, never) == Choice(sampler=sampler)


def test_cmaes_says_what_it_draws_at_random() -> None:
    assert in_words(choose(Sampler.CMAES, MIXED, 5, never), Pruner.NONE, finished=5) == (
        "CMA-ES (choices are drawn at random: kind), no pruner"
    )
    assert in_words(choose(Sampler.CMAES, NUMBERS, 5, never), Pruner.MEDIAN, finished=5) == (
        "CMA-ES, median pruner"
    )


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        (Sampler.AUTO, "Gaussian process after 5 start-up trials (auto: 2 parameters, under 200 "),
        (Sampler.TPE, "TPE after 5 start-up trials, no pruner"),
        (Sampler.CMAES, "CMA-ES after 5 start-up trials, no pruner"),
        (Sampler.RANDOM, "random, no pruner"),
    ],
)
def test_trials_that_are_drawn_before_a_sampler_learns_are_not_told_as_its_own(
    sampler: Sampler, said: str
) -> None:
    choice = choose(sampler, NUMBERS, 4, yes)

    assert in_words(choice, Pruner.NONE, finished=4).startswith(said)
    assert "start-up" not in in_words(choice, Pruner.NONE, finished=5)


def test_trials_that_another_sampler_has_suggested_are_told() -> None:
    choice = choose(Sampler.GP, NUMBERS, 0, never)
    why = stood_in_words(choice, ZeroDivisionError())
    told = StoodIn(trials=1, last=12, why=why)

    assert in_words(choice, Pruner.ASHA, told, finished=12) == (
        "Gaussian process, ASHA; a stand-in suggested 1 trial, last #12: TPE, as Gaussian process "
        "met a numerical error (ZeroDivisionError)"
    )
    assert choice.stand_in.stand_in == Choice(sampler=Sampler.RANDOM)


@pytest.mark.parametrize("sampler", list(Sampler))
def test_only_samplers_that_ignore_pruned_trials_are_shown_them_otherwise(sampler: Sampler) -> None:
    ranks = Choice(sampler=sampler).ranks_pruned
    assert ranks is (sampler not in (Sampler.GP, Sampler.CMAES))


def test_asha_is_the_pruner_of_auto_alone_where_none_was_asked_for() -> None:
    usual = {sampler: sampler.usual_pruner for sampler in Sampler}
    assert usual.pop(Sampler.AUTO) is Pruner.ASHA
    assert set(usual.values()) == {Pruner.MEDIAN}


@pytest.mark.parametrize(
    ("sampler", "space", "torch", "said"),
    [
        (Sampler.GP, NUMBERS, no, "pip install 'mcp-automl[mnist]'"),
        (Sampler.GP, CONDITIONAL, yes, "under a condition (x); choose sampler 'auto' or 'tpe'"),
        (Sampler.CMAES, CONDITIONAL, yes, "a search_space without conditions"),
        (Sampler.CMAES, CHOICES, yes, "numbers only"),
        (Sampler.GP, FINE, yes, "lists all values of an integer, but seed has more than 100,000"),
        (Sampler.RANDOM, ENDLESS, yes, "the range of x, whose ends are further apart than any"),
    ],
)
def test_a_sampler_that_could_learn_nothing_is_refused_with_what_would_be_valid(
    sampler: Sampler, space: SearchSpace, torch: object, said: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_sampler(sampler, space, torch)  # type: ignore[arg-type]
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "wide",
    [
        Int(low=0, high=10**400),
        Int(low=-(10**400), high=-1),
        Int(low=1, high=10**400, log=True),
        Float(low=0, high=10**400),
    ],
)
def test_an_integer_larger_than_any_float_is_refused_as_a_range(wide: Int | Float) -> None:
    with pytest.raises(InvalidRequest, match="the range of n, .* choose narrower bounds"):
        check_sampler(Sampler.TPE, SearchSpace({"n": wide}), never)


def test_what_can_learn_is_not_refused() -> None:
    check_sampler(Sampler.GP, MIXED, yes)
    check_sampler(Sampler.CMAES, MIXED, never)
    check_sampler(Sampler.TPE, FINE, never)
    check_sampler(Sampler.GP, SearchSpace({"seed": Int(low=1, high=10**9, step=10**4)}), yes)
    check_sampler(Sampler.GP, SearchSpace({"x": Float(low=1e-300, high=1e308, log=True)}), yes)
    for sampler in (Sampler.TPE, Sampler.AUTO, Sampler.RANDOM):
        check_sampler(sampler, CONDITIONAL, never)


def test_names_are_read_in_any_case_and_between_blanks_and_no_name_is_none() -> None:
    assert one_of(Sampler, "gp", "sampler") is one_of(Sampler, "GP", "sampler") is Sampler.GP
    asked = StudyRequest("s", sampler="", pruner=" Hyperband ")
    assert (asked.target.sampler, asked.target.pruner) == (None, Pruner.HYPERBAND)
    assert ExportFormat.of("CSV ") is ExportFormat.CSV
    assert Kind.of("Pareto") is Kind.PARETO and Kind.of(" ") is Kind.HISTORY
    assert Priority.of("") is Priority.NORMAL and GroupBy.of(None) is GroupBy.STUDY


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match="sampler must be one of 'tpe', .*, not 'bayes'"):
        one_of(Sampler, "bayes", "sampler")
    with pytest.raises(InvalidRequest, match="pruner must be one of 'median', .*, not 'xxx.*…$"):
        one_of(Pruner, "x" * 4_000, "pruner")
