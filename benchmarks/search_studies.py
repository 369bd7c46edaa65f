"""Simulates studies on all cores and keeps each in a file: `search` and its kin ask it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks import search_results
from benchmarks.search_contestants import CONTESTANTS
from benchmarks.search_problems import NAMES, problem
from benchmarks.search_results import Result
from benchmarks.search_simulation import simulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A study to simulate."""

    contestant: str
    problem: str
    seed: int
    trials: int


def plans(
    contestants: Iterable[str],
    seeds: Iterable[int],
    trials: int,
    problems: Sequence[str] = NAMES,
) -> list[Plan]:
    """A study of each contestant with each seed on each problem; all of a seed before the next."""
    return [
        Plan(contestant=contestant, problem=name, seed=seed, trials=trials)
        for seed, name, contestant in product(seeds, problems, tuple(contestants))
    ]


def run(plan: Plan) -> Result:
    """Simulates one study in this process."""
    known = problem(plan.problem)
    search = CONTESTANTS[plan.contestant](known, plan.seed)
    study = simulate(known, search, plan.seed, trials=plan.trials)
    return search_results.result(plan.contestant, known, plan.seed, plan.trials, study)


def run_all(plans: Sequence[Plan]) -> Iterator[Result]:
    """Simulates them, one process per core, and yields each as soon as it is done."""
    # More threads than one per process would wait for one another; torch reads this at import.
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor() as pool:
        yield from (done.result() for done in as_completed(pool.submit(run, p) for p in plans))


def run_missing(plans: Sequence[Plan], path: Path) -> list[Result]:
    """Simulates what the file does not hold, adds it, and returns all the file holds then."""
    known = {(each.key, each.trials) for each in search_results.read(path)}
    missing = [p for p in plans if ((p.contestant, p.problem, p.seed), p.trials) not in known]
    for count, done in enumerate(run_all(missing), 1):
        search_results.write(path, done)
        if count % 50 == 0 or count == len(missing):
            print(f"{count} of {len(missing)} studies", flush=True)
    return search_results.read(path)
