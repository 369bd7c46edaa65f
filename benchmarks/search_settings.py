"""Which settings shall TPE have? `python -m benchmarks.search_settings [--seeds N]`

Prints the normalized regret after 20 trials on the nine tables for each way to set the default
sampler, paired with Optuna's default. Seeds count from 1,000, so that what is chosen by them is
judged by others in `search_table`. Ten seeds take about a minute of one core.
"""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product as pairs

from benchmarks.search_contestants import CONTESTANTS, OPTUNA, OPTUNA_FIRST, Contestant, product
from benchmarks.search_problems import NAMES, problem
from benchmarks.search_results import estimate
from benchmarks.search_simulation import simulate
from mcp_automl.domain.sampling import Pruner, Sampler, SearchSettings

TRIALS, FIRST_SEED = 20, 1000


def tpe(**changed: bool | int) -> Contestant:
    """The product's TPE with some settings changed."""
    return product(Sampler.TPE, Pruner.NONE, settings=SearchSettings(**changed))  # type: ignore[arg-type]


VARIANTS: Mapping[str, Contestant] = {
    OPTUNA: CONTESTANTS[OPTUNA],
    OPTUNA_FIRST: CONTESTANTS[OPTUNA_FIRST],
    "the default": tpe(),
    "univariate": tpe(multivariate=False),
    "without the liar": tpe(constant_liar=False),
    **{f"{n} start-up trials": tpe(startup_trials=n) for n in (3, 8, 10)},
    **{f"{n} candidates": tpe(candidates=n) for n in (64, 128)},
    "univariate, 64 candidates": tpe(multivariate=False, candidates=64),
}


def regrets(name: str, seeds: int) -> list[float]:
    """Of one variant: each problem with each seed."""
    return [regret(name, where, FIRST_SEED + seed) for where, seed in pairs(NAMES, range(seeds))]


def regret(name: str, where: str, seed: int) -> float:
    """Of one study."""
    known = problem(where)
    study = simulate(known, VARIANTS[name](known, seed), seed, trials=TRIALS)
    return study.after_trials(TRIALS)


def told(name: str, found: Sequence[float], usual: Sequence[float]) -> str:
    """A line of the table."""
    apart = estimate(a - b for a, b in zip(found, usual, strict=True))
    return f"{name:<40} {estimate(found)}   {apart.signed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    usual: Sequence[float] = ()
    with ProcessPoolExecutor() as pool:
        done = pool.map(partial(regrets, seeds=options.seeds), VARIANTS)
        for name, found in zip(VARIANTS, done, strict=True):
            usual = usual or found
            print(told(name, found, usual), flush=True)


if __name__ == "__main__":
    main()
