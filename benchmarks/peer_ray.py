"""Ray Tune with trials that only wait; runs in the peers' environment, and prints what it took.

python benchmarks/peer_ray.py SLOTS TRIALS WAIT
"""

import json
import os
import sys
import time

import ray
from ray import tune


def train(config: dict) -> None:
    began = time.time()
    time.sleep(config["wait"])
    tune.report({"score": config["x"], "began": began, "ended": time.time()})


def main(slots: int, trials: int, wait: float) -> None:
    ray.init(num_cpus=slots, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        train,
        param_space={"x": tune.uniform(0, 1), "wait": wait},
        tune_config=tune.TuneConfig(
            metric="score", mode="max", num_samples=trials, max_concurrent_trials=slots
        ),
        run_config=tune.RunConfig(verbose=0, storage_path=os.getcwd()),
    )
    table = tuner.fit().get_dataframe()
    print(
        json.dumps(
            {
                "version": ray.__version__,
                "trials": len(table),
                "seconds": float(table["ended"].max() - table["began"].min()),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
