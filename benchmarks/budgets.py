"""Is a budget ever crossed, and is it used? `python -m benchmarks.budgets`

Random studies live through the product's own `StudyRun` in simulated time, three trials in flight,
ticked every 250 ms. Prices, epochs, batch sizes and the time of an epoch are drawn anew for each;
epochs vary by 10 %, one in thirty takes three times as long, and one study in ten has epochs of
minutes. Three trainers in ten ignore a stop and SIGTERM, and die by SIGKILL when the grace is over.
The budget is 10 to 90 % of what all trials would have cost.

Printed: the largest overshoot relative to the budget (goal: 0); the share of the budget that is
used (goal: 0.97 or more on average), for all and for budgets that pay for ten minutes of a slot or
more; and how often the best trial in flight when the budget first stopped one came to its end,
where the rest could pay that. The last line is the same with a kill of the orchestrator at a random
moment: its attempts are charged to the kill and 5 s more, and the study goes on from there.
"""

import argparse
import math
import random
import statistics

from benchmarks.simulated import BATCH_SIZES, IN_FLIGHT, Plan, World
from mcp_automl.domain.prices import charge
from mcp_automl.domain.study import (
    TrialState,
)


def a_world(seed: int, *, kill: bool = False) -> World:
    """A study drawn at random."""
    rng = random.Random(seed)
    n_trials = rng.randint(10, 60)
    epochs_max = rng.randint(1, 10)
    shortest, longest = (60.0, 600.0) if rng.random() < 0.1 else (5.0, 120.0)
    base = math.exp(rng.uniform(math.log(shortest), math.log(longest)))
    factors = {size: (32 / size) ** rng.uniform(0.0, 0.7) for size in BATCH_SIZES}
    plans = [_plan(rng, epochs_max, base, factors) for _ in range(2 * n_trials)]
    price = math.exp(rng.uniform(math.log(0.05), math.log(5.0)))
    prices = [price * rng.choice((1.0, 1.0, 0.5)) for _ in range(IN_FLIGHT)]
    seconds = sum(sum(plan.seconds) + plan.start_s for plan in plans[:n_trials])
    budget = charge(seconds, statistics.fmean(prices)) * rng.uniform(0.1, 0.9)
    kill_at = rng.uniform(0.0, seconds / IN_FLIGHT) if kill else math.inf
    stubborn = rng.random() < 0.3
    return World(rng, n_trials, plans, prices, stubborn, budget, kill_at)


def _plan(rng: random.Random, epochs_max: int, base: float, factors: dict[int, float]) -> Plan:
    batch_size = rng.choice(BATCH_SIZES)
    epochs = rng.randint(1, epochs_max)
    return Plan(
        params={"batch_size": batch_size, "epochs": epochs},
        quality=rng.gauss(0.9, 0.05),
        seconds=[
            base
            * factors[batch_size]
            * rng.lognormvariate(0, 0.1)
            * (3 if rng.random() < 1 / 30 else 1)
            for _ in range(epochs)
        ],
        start_s=rng.uniform(0.05, 2.0),
    )


def report(label: str, worlds: list[World]) -> None:
    """One line of what came of them."""
    overshoot = max(world.spent / world.budget - 1 for world in worlds)
    short = [world for world in worlds if len(counted(world)) < world.n_trials]
    used = [world.spent / world.budget for world in short]
    large = [world.spent / world.budget for world in short if world.budget_s > 600]
    led = [world for world in worlds if world.leader is not None]
    finished = statistics.fmean(
        world.states[_leader(world)] is TrialState.COMPLETE for world in led
    )
    print(
        f"{label}: {len(worlds)} studies, {len(short)} ended by their budget; "
        f"largest overshoot {max(0.0, overshoot):.4%} (closest {overshoot:+.4%}); "
        f"used on average {statistics.fmean(used):.3f}, least {min(used):.3f} "
        f"(of {len(large)} larger budgets {statistics.fmean(large):.3f}, {min(large):.3f}); "
        f"the best in flight, where the rest could pay it, finished in {finished:.1%} of {len(led)}"
    )


def counted(world: World) -> list[int]:
    return [number for number, state in world.states.items() if state.counts]


def _leader(world: World) -> int:
    assert world.leader is not None
    return world.leader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for label, kill in (("undisturbed", False), ("orchestrator killed once", True)):
        worlds = [a_world(arguments.seed + n, kill=kill) for n in range(arguments.studies)]
        for world in worlds:
            world.live()
        report(label, worlds)


if __name__ == "__main__":
    main()
