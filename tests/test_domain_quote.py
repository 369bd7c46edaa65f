"""What some more trials will cost and take, from what finished ones did."""

import math

import pytest

from mcp_automl.domain.quote import Basis, Quote, TrialCost, Verdict, quote


def costs(
    *usd: float, own: bool = False, alike: bool = True, epochs_max: int = 5
) -> list[TrialCost]:
    return [
        TrialCost(usd=u, seconds=u * 100, epochs_max=epochs_max, own=own, alike=alike) for u in usd
    ]


def a_quote(
    known: list[TrialCost], *, trials: int = 10, epochs_max: int = 5, rest: float | None = None
) -> Quote:
    return quote(known, trials=trials, epochs_max=epochs_max, parallel=3, rest_usd=rest)


def test_where_nothing_is_known_nothing_is_guessed() -> None:
    it = a_quote([], rest=1.0)

    assert (it.usd, it.seconds, it.measured) == (None, None, 0)
    assert it.basis is Basis.NOTHING
    assert it.verdict is Verdict.UNKNOWN


def test_more_trials_are_expected_to_cost_what_the_earlier_ones_did() -> None:
    it = a_quote(costs(1.0, 2.0, 3.0))

    assert it.usd is not None
    assert it.usd.expected == pytest.approx(20.0)
    # Mean 2, standard deviation 1, ten trials, known from three.
    assert it.usd.high == pytest.approx(20.0 + 2 * math.sqrt(10 + 100 / 3))
    assert it.usd.low == pytest.approx(20.0 - 2 * math.sqrt(10 + 100 / 3))
    assert it.seconds is not None
    assert it.seconds.expected == pytest.approx(20.0 * 100 / 3)
    assert (it.measured, it.basis) == (3, Basis.ALIKE)


def test_a_range_never_promises_money_back() -> None:
    it = a_quote(costs(0.1, 9.0))

    assert it.usd is not None
    assert it.usd.low == 0.0


def test_a_single_trial_is_no_exact_measure() -> None:
    it = a_quote(costs(2.0))

    assert it.usd is not None
    assert it.usd.low < it.usd.expected == 20.0 < it.usd.high


def test_more_epochs_cost_more() -> None:
    it = a_quote(costs(1.0, 1.0, epochs_max=2), epochs_max=8)

    assert it.usd is not None
    assert it.usd.expected == pytest.approx(40.0)


def test_trials_of_the_study_itself_say_more_than_those_of_others() -> None:
    others = costs(9.0, 9.0, 9.0)

    assert a_quote([*costs(1.0, 1.0, own=True), *others]).measured == 5
    few = a_quote(costs(1.0, 1.0, own=True))
    assert (few.measured, few.basis) == (2, Basis.OWN), "and where there are no others, they alone"
    mine = a_quote([*costs(1.0, 1.0, 1.0, own=True), *others])
    assert (mine.measured, mine.basis) == (3, Basis.OWN)
    assert mine.usd is not None
    assert mine.usd.expected == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("rest", "verdict", "paid"),
    [
        (None, Verdict.NO_BUDGET, None),
        (1000.0, Verdict.SUFFICES, None),
        (21.0, Verdict.PERHAPS, None),
        (9.0, Verdict.TOO_SMALL, 4),
        (-1.0, Verdict.TOO_SMALL, 0),
    ],
)
def test_a_budget_is_weighed_against_the_range(
    rest: float | None, verdict: Verdict, paid: int | None
) -> None:
    it = a_quote(costs(1.0, 2.0, 3.0), rest=rest)

    assert (it.verdict, it.paid_trials) == (verdict, paid)


@pytest.mark.parametrize("rest", [0.5, 0.0, -0.5])
def test_no_trials_cost_nothing_whatever_is_left_of_the_budget(rest: float) -> None:
    it = a_quote(costs(1.0, 2.0), trials=0, rest=rest)

    assert it.verdict is Verdict.SUFFICES
    assert it.seconds is not None
    assert it.seconds.expected == 0.0


def test_trials_of_other_search_spaces_are_a_guess_that_says_nothing_of_a_budget() -> None:
    narrow = costs(0.01, 0.01, 0.01, alike=False)
    guess = a_quote(narrow, rest=100.0)
    assert (guess.basis, guess.verdict, guess.measured) == (Basis.OTHER, Verdict.UNKNOWN, 3)

    known = a_quote([*costs(1.0), *narrow], rest=100.0)
    assert (known.basis, known.verdict, known.measured) == (Basis.ALIKE, Verdict.SUFFICES, 1)


@pytest.mark.parametrize("known", [[], costs(1.0, 1.0), costs(1.0, alike=False)])
def test_a_budget_that_is_spent_pays_for_nothing_whatever_is_known(known: list[TrialCost]) -> None:
    it = a_quote(known, rest=-0.5)

    assert (it.verdict, it.paid_trials) == (Verdict.TOO_SMALL, 0)
