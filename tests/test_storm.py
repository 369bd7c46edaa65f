"""The storm, small: see `storm.py`. The large one is `make storm N=100`."""

from collections import Counter
from pathlib import Path

import pytest

from tests.storm import SITES, VICTIMS, plan, storms

pytestmark = pytest.mark.anyio

KILLS = 3


@pytest.mark.parametrize("seed", range(3))
def test_of_a_hundred_kills_each_victim_gets_a_fifth_and_half_strike_inside_a_write(
    seed: int,
) -> None:
    kills = plan(100, seed)
    victims = Counter(kill.victims for kill in kills)
    inside = Counter(kill.site for kill in kills if kill.site)
    assert all(victims[victim] >= 20 for victim in VICTIMS)
    assert inside == dict.fromkeys(SITES, 10)
    assert plan(100, seed) == kills


@pytest.mark.timeout(240)
async def test_twelve_trials_survive_kills_of_servers_orchestrators_workers_and_all_at_once(
    tmp_path: Path, empty_mlflow_database: Path
) -> None:
    lost = await storms(KILLS, 3, tmp_path, empty_mlflow_database, epochs_max=6)
    assert lost == 0
