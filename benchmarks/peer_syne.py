"""Syne Tune with trials that only wait; runs in the peers' environment, and prints what it took.

    python benchmarks/peer_syne.py SLOTS TRIALS WAIT

Each trial is this same file, started by Syne Tune with its arguments.
"""

import json
import os
import sys
import time
from argparse import ArgumentParser
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory


def train(arguments: list[str]) -> None:
    began = time.time()
    from syne_tune import Reporter

    parser = ArgumentParser()
    parser.add_argument("--x", type=float)
    parser.add_argument("--wait", type=float)
    parser.add_argument("--notes", type=Path)
    config = parser.parse_known_args(arguments)[0]
    time.sleep(config.wait)
    Reporter()(score=config.x, epoch=1)
    note = {"began": began, "ended": time.time()}
    (config.notes / f"{os.getpid()}.json").write_text(json.dumps(note))


def main(slots: int, trials: int, wait: float) -> None:
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend import LocalBackend
    from syne_tune.config_space import uniform
    from syne_tune.optimizer.baselines import RandomSearch

    with TemporaryDirectory() as folder:
        space = {"x": uniform(0, 1), "wait": wait, "notes": folder}
        Tuner(
            trial_backend=LocalBackend(entry_point=__file__),
            scheduler=RandomSearch(space, metrics=["score"], do_minimize=False),
            stop_criterion=StoppingCriterion(max_num_trials_finished=trials),
            n_workers=slots,
            print_update_interval=1_000,
        ).run()
        notes = [json.loads(it.read_text()) for it in Path(folder).glob("*.json")]
    seconds = max(it["ended"] for it in notes) - min(it["began"] for it in notes)
    told = {"version": version("syne-tune"), "trials": len(notes), "seconds": seconds}
    print(json.dumps(told))


if __name__ == "__main__":
    if sys.argv[1].startswith("--"):
        train(sys.argv[1:])
    else:
        main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
