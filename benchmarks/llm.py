"""Does a study of 5 trials lower perplexity by 92 % or more on the embedded model and text?

Real studies over the default space, on the product's own database, sampler, pruner and processes.
The claim only holds against an untrained model, so what else there is to beat stands beside it:
the frequencies of single bytes, and the default configuration, which is each study's first trial.

    python -m benchmarks.llm [studies] [trials]
"""

import platform
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

# multiprocessing imports a program's main module again in every worker: so this one is light.
if TYPE_CHECKING:
    from mcp_automl.answers import StudyStatus
    from mcp_automl.settings import Settings

GOAL = 92.0
"""Per cent by which perplexity shall fall."""


def main(studies: int, trials: int) -> None:
    """Runs the studies and prints the figures."""
    from mcp_automl.settings import Settings

    for seed in range(studies):
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(home=Path(home), idle_seconds=1.0)
            began = time.monotonic()
            name = run_study(settings, trials, seed)
            report(settings, name, trials, time.monotonic() - began)
            if seed == studies - 1:
                print(f"unigram: bytes by their frequency alone: {unigram(settings.data_path):.2f}")


def run_study(settings: "Settings", trials: int, seed: int) -> str:
    from mcp_automl.catalog import Catalog
    from mcp_automl.composition import run_orchestrator
    from mcp_automl.stores.registry import SqliteRegistry

    config = Catalog().config(
        f"llm-{seed}",
        "llm",
        n_trials=trials,
        epochs_max=5,
        seed=seed,
        owner="",
    )
    SqliteRegistry(settings.database).create(config)
    run_orchestrator(settings)
    return config.name


def report(settings: "Settings", name: str, trials: int, seconds: float) -> None:
    from mcp_automl.composition import build_service

    status = build_service(settings).status(name)
    assert status.done == trials and status.best is not None, status.study.reason
    measured = status.best_measured
    assert measured is not None
    improvement = measured.metrics["improvement_pct"]
    params = ", ".join(f"{name}={value}" for name, value in status.best.params.items())
    print(f"{name}: {status.study.data}")
    print(
        f"  untrained {measured.metrics['baseline_perplexity']:.1f}, default configuration "
        f"{default_perplexity(settings, status):.2f}, best {status.best.value:.2f} "
        f"(trial #{status.best.number}: {params})"
    )
    print(
        f"  improvement {improvement:.2f} % (goal {GOAL:g} %: "
        f"{'reached' if improvement >= GOAL else 'MISSED'}), {seconds:.0f} s for {trials} trials"
    )


def default_perplexity(settings: "Settings", status: "StudyStatus") -> float:
    """What the study's first trial, the default configuration, reached."""
    query = "SELECT value FROM automl_attempts WHERE study_id = ? AND trial = 0 ORDER BY id DESC"
    with closing(sqlite3.connect(settings.database)) as database:
        (value,) = database.execute(query, (status.study.id,)).fetchone()
    return float(value)


def unigram(data_dir: Path) -> float:
    """The held-out perplexity of bytes that are guessed by their frequency in the training part."""
    import torch

    from trainers import language_models, texts

    corpus = texts.prepare(data_dir, texts.EMBEDDED, language_models.BYTES)
    counts = Counter(corpus.load("train").tolist())
    frequencies = torch.tensor([counts[byte] + 1 for byte in range(256)], dtype=torch.float64)
    surprise = -(frequencies / frequencies.sum()).log()
    return float(surprise[corpus.load("validation").long()].mean().exp())


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [1, 5][len(given) :]))
    print(f"Python {platform.python_version()}, {platform.machine()}")
