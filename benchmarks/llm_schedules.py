"""Which learning-rate schedule lowers the embedded language model's perplexity most?

Trains it for a short and for a long time under each schedule, and prints the held-out perplexity at
the end, and what the long training has at the epoch where the short one ends: the farther apart
the two are, the less a pruner's comparison of them means.

    python -m benchmarks.llm_schedules [seeds]
"""

import logging
import platform
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import torch
import transformers

from trainers import llm
from trainers.contract import Context

RATES = (1e-3, 3e-3)
SHORT, LONG = 2, 5
CACHE = Path("~/.cache/trainers").expanduser()


def curve(config: llm.Config, seed: int) -> list[float]:
    """The perplexity after each epoch."""
    with tempfile.TemporaryDirectory() as workdir:
        context = Context(workdir=Path(workdir), data_dir=CACHE, seed=seed)
        return [m.metrics["val_perplexity"] for m in llm.train(config, context)]


def row(schedule: str, lr: float, seeds: int) -> str:
    curves = {
        epochs: [
            curve(llm.Config(lr=lr, schedule=schedule, epochs=epochs), seed)
            for seed in range(seeds)
        ]
        for epochs in (SHORT, LONG)
    }
    ends = [curves[SHORT], curves[LONG]]
    short, long = (sum(found[-1] for found in those) / seeds for those in ends)
    meanwhile = sum(found[SHORT - 1] for found in curves[LONG]) / seeds
    return f"| {schedule} | {lr:g} | {short:.2f} | {meanwhile:.2f} | {long:.2f} |"


def main(seeds: int) -> None:
    logging.getLogger("trainers").setLevel(logging.WARNING)
    began = time.process_time()
    print(f"| schedule | lr | {SHORT} epochs | {LONG} epochs, after {SHORT} | {LONG} epochs |")
    print("|---|---|---|---|---|")
    for lr, schedule in product(RATES, llm.SCHEDULES):
        print(row(schedule, lr, seeds))
    print(
        f"\n{llm.prepare(CACHE).description}; {seeds} seeds; Python {platform.python_version()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}, one thread; "
        f"{time.process_time() - began:.0f} CPU-seconds"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
