"""Search spaces made up by chance: each is searched within its bounds, or refused in a sentence.

`MCP_AUTOML_TEST_SPACES=20000` tries so many, and others than the usual ones.
"""

import os
from dataclasses import replace
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mcp_automl.catalog import Catalog
from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.sampling import Choice, Sampler
from mcp_automl.domain.search import Search, search
from mcp_automl.domain.space import Categorical, Float, Int, Params
from mcp_automl.server import spaces
from mcp_automl.stores import codec, sampling
from tests import declared_for_tests
from tests.fakes_server import a_config

MORE = os.environ.get("MCP_AUTOML_TEST_SPACES")
SPACES = settings(
    max_examples=int(MORE or 150),
    derandomize=MORE is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
ASKS = 8
"""Trials per space; from the sixth on the sampler learns."""

TRAINERS: list[tuple[Declared, ...]] = [
    Catalog().declaration("mnist").parameters,
    Catalog().declaration("llm").parameters,
    declared_for_tests.ALL,
]

NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 5, 7, 8, 32, 64, 0.5, 0.9, 1e-5, 1e-3, 1e-2, 0.1, 1.0, 5000]),
    st.integers(),
    st.floats(),
    st.floats(min_value=1e-6, max_value=1.0),
    st.integers(min_value=1, max_value=300),
)
WORDS = st.sampled_from(
    [
        "default",
        "sgd",
        "adamw",
        "relu",
        "gelu",
        "none",
        "shift",
        "true",
        "digits",
        "auto",
        "1e-3",
        "64",
    ]
)
SCALARS = st.one_of(NUMBERS, WORDS, st.booleans(), st.none(), st.text(max_size=5))
JSON: SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = ["type", "low", "high", "log", "step", "choices", "value", "min", "max", "values", "range"]
TYPES = ["float", "int", "categorical", "loguniform", "uniform", "fixed", "x"]
ENDS = st.lists(NUMBERS, min_size=2, max_size=2)


def names(declared: tuple[Declared, ...]) -> SearchStrategy[str]:
    return st.sampled_from([d.name for d in declared])


def value(declared: Declared) -> SearchStrategy[Any]:
    """A value that the parameter can have."""
    match declared.widest:
        case Float(low=low, high=high):
            return st.floats(low, high)
        case Int(low=low, high=high, step=step):
            return st.integers(0, (min(high, 400) - low) // step).map(lambda n: low + n * step)
        case Categorical(choices=choices):
            return st.sampled_from(choices)
        case None:
            return st.just(declared.default)


def right_wish(declared: Declared, others: tuple[Declared, ...]) -> SearchStrategy[Any]:
    """What can be asked for of the parameter by itself."""
    one = value(declared)
    parents = [d for d in others if d is not declared and not isinstance(d.widest, Float)]
    when = st.one_of(
        [
            st.fixed_dictionaries({d.name: st.lists(value(d), min_size=1, max_size=3)})
            for d in parents
        ]
    )
    several = st.lists(one, min_size=1, max_size=4, unique=True)
    described = [st.fixed_dictionaries({"choices": several}, optional={"when": when})]
    if declared.is_numeric:
        ends = st.lists(one, min_size=2, max_size=2).map(sorted)
        within = ends.map(lambda two: {"low": two[0], "high": two[1]})
        described.append(within)
        described.append(st.tuples(within, when).map(lambda both: {**both[0], "when": both[1]}))
    return st.one_of(one, several, st.just("default"), *described)


def right(declared: tuple[Declared, ...]) -> SearchStrategy[Any]:
    """Requests of which every part can be had, if not always all parts together."""
    wishes = {d.name: right_wish(d, declared) for d in declared}
    return st.lists(names(declared), max_size=6, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: wishes[name] for name in chosen})
    )


def wishes(declared: tuple[Declared, ...]) -> SearchStrategy[Any]:
    """What may be written for a parameter, much of it nearly right."""
    whens = st.dictionaries(names(declared), SCALARS | st.lists(SCALARS, max_size=3), max_size=2)
    ranges = st.fixed_dictionaries(
        {"low": NUMBERS, "high": NUMBERS},
        optional={
            "type": st.sampled_from(TYPES),
            "log": st.booleans(),
            "step": NUMBERS,
            "when": whens,
        },
    )
    choices = st.fixed_dictionaries(
        {"choices": st.lists(SCALARS, max_size=4)}, optional={"when": whens}
    )
    anything = st.dictionaries(st.sampled_from([*KEYS, "when", "hi"]), JSON, max_size=4)
    alone = st.fixed_dictionaries({"when": whens})
    return st.one_of(SCALARS, ENDS, ranges, choices, alone, st.lists(SCALARS), anything)


def requests(declared: tuple[Declared, ...]) -> SearchStrategy[Any]:
    searched = {d.name: "default" for d in declared if isinstance(d.searched, Categorical)}
    return st.one_of(
        right(declared),
        right(declared).map(lambda asked: {**searched, **asked}),
        right(declared).map(lambda asked: {**asked, **searched}),
        st.dictionaries(names(declared), wishes(declared), max_size=6),
        st.dictionaries(names(declared) | st.text(max_size=8), wishes(declared), max_size=3),
        JSON,
        st.text(max_size=30),
    )


REQUESTS = st.one_of([st.tuples(st.just(known), requests(known)) for known in TRAINERS])


def sampled(found: Search) -> list[Params]:
    """Points as the store would get them, from a sampler that learns."""
    study = optuna.create_study(sampler=sampling.make_sampler(Choice(sampler=Sampler.TPE), 0, ()))
    points: list[Params] = []
    for value in range(ASKS):
        trial = study.ask()
        points.append(sampling.suggest(trial, found.space, sampling.distributions(found.space)))
        study.tell(trial, value)
    return points


def check_point(found: Search, declared: dict[str, Declared], point: Params) -> None:
    space = found.space
    assert set(point) == {name for name in space.parameters if space.exists(name, point)}
    for name, value in {**point, **found.constants}.items():
        widest = declared[name].widest
        if name in point:
            assert space.parameters[name].contains(value), (name, value)
        assert widest.contains(value) if widest else value == declared[name].default


@pytest.mark.filterwarnings("error")
@given(REQUESTS, st.none() | st.integers(min_value=1, max_value=20))
@SPACES
def test_every_space_is_searched_within_its_bounds_or_refused_in_a_sentence(
    case: tuple[tuple[Declared, ...], Any], epochs_max: int | None
) -> None:
    declared, request = case
    try:
        found = search(request, declared, epochs_max)
    except InvalidRequest as refused:
        said = str(refused)
        assert "search_space" in said or "epochs" in said
        assert len(said) < 1_000 and said.isprintable()
        return
    by_name = {d.name: d for d in declared}
    for point in [found.space.clip({d.name: d.default for d in declared}), *sampled(found)]:
        check_point(found, by_name, point)
        epochs = {**point, **found.constants}["epochs"]
        assert isinstance(epochs, int) and epochs <= found.epochs_max
    assert found.space.parameters.keys().isdisjoint(found.constants)
    check_stored_and_told(found)


def check_stored_and_told(found: Search) -> None:
    config = replace(
        a_config(), space=found.space, constants=found.constants, epochs_max=found.epochs_max
    )
    loaded = codec.load_config(
        codec.dump_spec(config),
        name=config.name,
        model=config.model,
        n_trials=config.n_trials,
        cost_budget_usd=None,
        owner="",
    )
    assert loaded == config
    assert len("\n".join(spaces.lines(config))) < 5_000


@given(REQUESTS)
@SPACES
def test_a_space_that_was_accepted_is_accepted_as_it_is_told(
    case: tuple[tuple[Declared, ...], Any],
) -> None:
    declared, request = case
    try:
        found = search(request, declared, None)
    except InvalidRequest:
        return
    told = {**spaces.as_structure(found.space), **found.constants}
    again = search(told, declared, found.epochs_max)
    assert again == found
