"""Records the learning curves of `curves_table`: `python -m benchmarks.record_curves [COUNT]`

Trains what is not recorded yet, in a random order, on one thread; with a number, no more than so
many. May be interrupted at any time and goes on where it was. The whole grid takes about twenty
minutes of one core.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.curves_table import EPOCHS, Curve, Point, grid, read, write
from trainers import mnist
from trainers.contract import Context

SEED = 0


def record(point: Point, data_dir: Path) -> Curve:
    """Trains one configuration to its last epoch."""
    lr, batch_size, width, dropout = point
    config = mnist.Config(
        lr=lr,
        batch_size=batch_size,
        width=width,
        dropout=dropout,
        epochs=EPOCHS,
        dataset="digits",
    )
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        context = Context(workdir=Path(folder), data_dir=data_dir, seed=SEED)
        values = [each.metrics["val_accuracy"] for each in mnist.train(config, context)]
    return Curve(
        lr=lr,
        batch_size=batch_size,
        width=width,
        dropout=dropout,
        seconds=round((time.process_time() - began) / EPOCHS, 4),
        val_accuracy=tuple(round(value, 4) for value in values),
    )


def main() -> None:
    points = grid()
    random.Random(SEED).shuffle(points)
    known = read()
    missing = [point for point in points if point not in known]
    most = int(sys.argv[1]) if sys.argv[1:] else len(missing)
    with tempfile.TemporaryDirectory() as folder:
        for point in missing[:most]:
            curve = record(point, Path(folder))
            write(curve)
            print(*point, curve.val_accuracy[-1], f"{curve.seconds:.3f} s", flush=True)


if __name__ == "__main__":
    main()
