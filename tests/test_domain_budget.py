"""Meters, claims and reservations; a second of a slot costs a dollar, so ending it costs seven."""

import math

import pytest

from mcp_automl.domain.budget import ENDING_SECONDS, Budget, Claim, Meter, dollars
from tests.studies_for_tests import DOLLAR_A_SECOND

UNKNOWN = None


def a_claim(
    trial: int, *, rest_s: float | None, started_at: float = 0.0, earlier: float = 0.0
) -> Claim:
    meter = Meter(started_at=started_at, usd_per_hour=DOLLAR_A_SECOND)
    return Claim(trial=trial, meter=meter, rest_s=rest_s, earlier_usd=earlier)


def test_a_meter_counts_from_the_launch_and_never_backwards() -> None:
    meter = Meter(started_at=10.0, usd_per_hour=DOLLAR_A_SECOND)

    assert meter.cost(13.0) == 3.0
    assert meter.cost(9.0) == 0.0
    assert meter.set_aside(13.0) == 3.0 + ENDING_SECONDS


def test_what_nobody_claims_is_free() -> None:
    claims = [a_claim(0, rest_s=5.0), a_claim(1, rest_s=2.0)]
    divided = Budget(ceiling_usd=50.0).reserve(10.0, claims, 1.0)

    assert divided.starved == ()
    assert divided.free_usd == 50.0 - 10.0 - 2 * (1.0 + ENDING_SECONDS) - 5.0 - 2.0


def test_the_least_promising_trial_starves_first() -> None:
    claims = [a_claim(7, rest_s=5.0), a_claim(3, rest_s=5.0), a_claim(5, rest_s=5.0)]
    set_aside = 3 * ENDING_SECONDS

    assert Budget(ceiling_usd=set_aside + 11.0).reserve(0.0, claims, 0.0).starved == ()
    assert Budget(ceiling_usd=set_aside + 10.0).reserve(0.0, claims, 0.0).starved == (5,)
    assert Budget(ceiling_usd=set_aside + 5.0).reserve(0.0, claims, 0.0).starved == (3, 5)
    assert Budget(ceiling_usd=set_aside).reserve(0.0, claims, 0.0).starved == (7, 3, 5)


def test_what_jobs_that_end_may_yet_cost_is_nobody_elses() -> None:
    claims = [a_claim(0, rest_s=5.0)]
    budget = Budget(ceiling_usd=20.0)

    assert budget.reserve(0.0, claims, 0.0, ending_usd=4.0).free_usd == 4.0
    assert budget.reserve(0.0, claims, 0.0, ending_usd=13.0).starved == (0,)


def test_without_a_forecast_each_slots_trial_holds_an_equal_share() -> None:
    budget = Budget(ceiling_usd=60.0)

    one = budget.reserve(0.0, [a_claim(0, rest_s=UNKNOWN)], 1.0, shares=3)
    assert one.free_usd == 40.0
    three = [a_claim(n, rest_s=UNKNOWN) for n in range(3)]
    assert budget.reserve(0.0, three, 11.0, shares=3).starved == ()


def test_when_the_shares_run_out_the_newest_trial_gives_way_to_the_others() -> None:
    three = [a_claim(n, rest_s=UNKNOWN) for n in range(3)]
    budget = Budget(ceiling_usd=60.0)

    # A quarter of what each has cost is what it is expected to need at least: 2.8 each of 5.4.
    assert budget.reserve(0.0, three, 11.2, shares=3).starved == (2,)
    assert budget.reserve(0.0, three, 12.9, shares=3).starved == (1, 2)


def test_a_share_that_is_used_up_goes_on_while_nobody_else_holds_the_rest() -> None:
    used_up = [a_claim(0, rest_s=UNKNOWN)]

    assert Budget(ceiling_usd=60.0).reserve(0.0, used_up, 30.0, shares=3).starved == ()


def test_without_a_ceiling_everything_is_free() -> None:
    divided = Budget().reserve(1e9, [a_claim(0, rest_s=1e9)], 1e9)

    assert divided.free_usd == math.inf
    assert divided.starved == ()


def test_a_trials_own_ceiling_counts_its_earlier_attempts_and_bounds_its_claim() -> None:
    budget = Budget(ceiling_usd=100.0, per_trial_usd=20.0)
    claim = a_claim(0, rest_s=50.0, earlier=8.0)

    assert budget.left_for_trial(claim, 1.0) == 20.0 - 8.0 - 1.0 - ENDING_SECONDS
    assert budget.reserve(0.0, [claim], 1.0).free_usd == 100.0 - 8.0 - 4.0
    assert Budget().left_for_trial(claim, 1.0) == math.inf


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.0, "$0.0000"), (0.48, "$0.4800"), (0.00001234, "$0.000012"), (12.5, "$12.5000")],
)
def test_sums_are_told_with_as_many_digits_as_they_need(usd: float, text: str) -> None:
    assert dollars(usd) == text
