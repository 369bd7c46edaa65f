"""The full table of search quality, in hours: `make bench-search`

    python -m benchmarks.search_table

Every contestant on nine problems with 30 seeds and 50 trials, in virtual time; see
`search_simulation` and `search_problems` for what is measured. Each study is added to
`search_results.jsonl` as soon as it is done, so that an interrupted run goes on, and the table goes
to `docs/search-quality.md`. With `--table` it is made of what the file holds.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mode

from benchmarks.machine import ROOT
from benchmarks.search_contestants import AUTO, CONTESTANTS, OPTUNA
from benchmarks.search_results import (
    BUDGETS,
    TRIALS,
    Result,
    by_cost,
    by_trials,
    estimate,
    paired,
    read,
)
from benchmarks.search_studies import plans, run_missing
from benchmarks.table import write_section

RESULTS = Path(__file__).with_name("search_results.jsonl")
PEERS = Path(__file__).with_name("search_peers.jsonl")
PAGE = ROOT / "docs" / "search-quality.md"
SEEDS, TRIALS_EACH = 30, 50
FAMILIES = {"hpobench": "HPOBench", "hpolib": "HPOlib"}


def results() -> list[Result]:
    """All that is known: this product, Optuna and random in one file, peers in another."""
    return read(RESULTS) + read(PEERS)


def contestants(known: Sequence[Result]) -> list[str]:
    """Names, best first by the regret at 20 trials."""
    names = {each.contestant for each in known}
    return sorted(names, key=lambda name: estimate(by_trials(known, name, 20).values()).mean)


def quality(known: Sequence[Result]) -> Iterator[str]:
    """Regret after so many trials, a row per contestant."""
    heads = (
        *(f"@{n}" for n in TRIALS),
        "paired @20",
        "paired @50",
        "studies",
        "cost",
        "ms per ask",
    )
    yield "| sampler | " + " | ".join(heads) + " |"
    yield "|---|" + "---|" * len(heads)
    for name in contestants(known):
        yield f"| {name} | " + " | ".join(_quality(known, name)) + " |"


def _quality(known: Sequence[Result], name: str) -> Iterator[str]:
    mine = {each.key: each for each in known if each.contestant == name}.values()
    for trials in TRIALS:
        yield _estimated(by_trials(known, name, trials))
    for trials in (20, 50):
        apart = paired(by_trials(known, name, trials), by_trials(known, OPTUNA, trials))
        yield "–" if apart is None else apart.signed
    yield str(len(mine))
    yield f"{estimate(each.cost for each in mine).mean:.2f}"
    yield f"{estimate(each.ask_ms for each in mine).mean:.0f}"


def usual(known: Sequence[Result], name: str) -> int:
    """Trials of most of a contestant's studies; 0 where it has none."""
    return mode(each.trials for each in known if each.contestant == name) if known else 0


def per_dollar(known: Sequence[Result]) -> Iterator[str]:
    """Regret when so much was spent, by family, a row per contestant."""
    trials = usual(known, AUTO)
    heads = [f"{label} {b}" for label in FAMILIES.values() for b in BUDGETS]
    yield "| sampler | " + " | ".join(heads) + " |"
    yield "|---|" + "---|" * len(heads)
    for name in contestants(known):
        cells = [
            _estimated(by_cost(known, name, budget, family, trials))
            for family in FAMILIES
            for budget in BUDGETS
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _estimated(values: dict[tuple[str, str, int], float]) -> str:
    return str(estimate(values.values())) if values else "–"


def write_page(known: Sequence[Result]) -> None:
    """Puts both tables where the page has room for them."""
    write_section(PAGE, "trials", "\n".join(quality(known)))
    write_section(PAGE, "dollars", "\n".join(per_dollar(known)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--trials", type=int, default=TRIALS_EACH)
    parser.add_argument("--contestants", nargs="*", default=list(CONTESTANTS), choices=CONTESTANTS)
    parser.add_argument("--table", action="store_true", help="only the page, of what is stored")
    options = parser.parse_args()
    if not options.table:
        wanted = plans(options.contestants, range(options.seeds), options.trials)
        run_missing(wanted, RESULTS)
    known = results()
    write_page(known)
    print("\n".join((*quality(known), "", *per_dollar(known))))


if __name__ == "__main__":
    main()
