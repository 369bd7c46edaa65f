from mcp_automl.domain.budget import STOP_SECONDS, Budget, Meter

METER = Meter(started_at=100.0, usd_per_hour=3600.0)


def test_a_job_costs_the_seconds_it_held_its_slot() -> None:
    assert METER.cost(107.5) == 7.5


def test_a_clock_that_seems_to_go_back_earns_nothing() -> None:
    assert METER.cost(99.0) == 0.0


def test_without_a_ceiling_nothing_is_ever_too_dear() -> None:
    assert Budget(ceiling_usd=None).reached(1e9, [METER], 1e9) is None


def test_a_budget_is_reached_while_the_rest_still_pays_for_stopping() -> None:
    budget = Budget(ceiling_usd=20.0)
    last_moment = 100.0 + 20.0 - 5.0 - STOP_SECONDS

    assert budget.reached(5.0, [METER], last_moment - 0.01) is None
    assert budget.reached(5.0, [METER], last_moment) is not None


def test_every_running_job_is_metered_and_must_be_stopped() -> None:
    budget = Budget(ceiling_usd=10.0)

    assert budget.reached(0.0, [METER, METER], 102.9) is None
    assert budget.reached(0.0, [METER, METER], 103.0) is not None


def test_the_reason_names_what_was_spent_and_the_ceiling() -> None:
    reason = Budget(ceiling_usd=0.5).reached(0.5, [], 0.0)

    assert reason == "cost budget: $0.5000 of $0.5000 spent"
