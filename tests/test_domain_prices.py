import math

import pytest

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.prices import Prices, charge

H100 = "NVIDIA H100 80GB HBM3"


def test_the_prices_of_all_slots_of_a_machine_add_up_to_the_machines_price() -> None:
    prices = Prices(gpu_usd_per_hour=0.3, cpu_usd_per_core_hour=0.05)
    slots = 3 * prices.slot(device=H100, gpu_share=1 / 3, cores=8 / 3)

    assert slots == pytest.approx(0.3 + 8 * 0.05)


def test_a_gpu_with_a_price_of_its_own_costs_that() -> None:
    prices = Prices(gpu_usd_per_hour=0.3, cpu_usd_per_core_hour=0.05, gpu_prices={H100: 2.99})

    assert prices.slot(device=H100, gpu_share=0.5, cores=2) == pytest.approx(2.99 / 2 + 0.1)
    assert prices.slot(device="another", gpu_share=0.5, cores=2) == pytest.approx(0.25)


def test_a_slot_without_a_gpu_costs_its_cores() -> None:
    prices = Prices(cpu_usd_per_core_hour=0.05, gpu_prices={"CPU": 9.0})

    assert prices.slot(device="CPU", gpu_share=0.0, cores=2) == 0.1


@pytest.mark.parametrize(
    ("prices", "gpus", "free"),
    [
        (Prices(), [], False),
        (Prices(cpu_usd_per_core_hour=0.0), [], True),
        (Prices(cpu_usd_per_core_hour=0.0), [H100], False),
        (Prices(cpu_usd_per_core_hour=0.0, gpu_prices={H100: 0.0}), [H100], True),
        (Prices(cpu_usd_per_core_hour=0.0, gpu_prices={H100: 0.0}), [H100, "another"], False),
        (Prices(gpu_usd_per_hour=0.0), [H100], False),
    ],
)
def test_a_machine_is_free_when_none_of_its_slots_costs_anything(
    prices: Prices, gpus: list[str], free: bool
) -> None:
    assert prices.free(gpus) is free


def test_a_job_costs_its_seconds_times_its_slots_price() -> None:
    assert charge(1800.0, 0.5) == 0.25


def test_a_clock_that_seems_to_go_back_earns_nothing() -> None:
    assert charge(-1.0, 0.5) == 0.0


@pytest.mark.parametrize("price", [-0.01, math.nan, math.inf])
@pytest.mark.parametrize("where", ["gpu_usd_per_hour", "cpu_usd_per_core_hour", H100])
def test_a_price_that_is_none_is_refused_by_its_name(where: str, price: float) -> None:
    named = {"gpu_prices": {H100: price}} if where == H100 else {where: price}

    with pytest.raises(InvalidRequest, match=f"{where} must be dollars per hour.*not {price}"):
        Prices(**named)
