"""A trainer in a Python file: scikit-learn's perceptron on 8x8 digits, an epoch at a time.

It keeps a checkpoint, so that a training which is interrupted goes on where it was.
"""

import pickle
import time
from collections.abc import Iterator
from types import SimpleNamespace

from trainers.checkpoints import checkpoint_path, keep_latest, replace_atomically
from trainers.contract import Context, Measurement, Objective, Parameter, TrainerSpec

SPEC = TrainerSpec(
    name="perceptron",
    description="A perceptron with one hidden layer on 8x8 digits.",
    objectives=(Objective(name="val_accuracy", direction="maximize"),),
    final_objective=Objective(name="test_accuracy", direction="maximize"),
    parameters=(
        Parameter(
            name="lr", kind="float", default=1e-2, low=1e-4, high=0.1, log=True,
            description="Learning rate of Adam.",
        ),
        Parameter(
            name="hidden", kind="categorical", default=32, choices=(16, 32, 64),
            description="Width of the hidden layer.",
        ),
        Parameter(
            name="epochs", kind="int", default=5, low=1, high=100,
            description="Passes over the training images.",
        ),
    ),
)  # fmt: skip


def train(config: SimpleNamespace, context: Context) -> Iterator[Measurement]:
    # What takes long to import is imported here: the spec is read without it.
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    pixels, digits = load_digits(return_X_y=True)
    # Learned from, and then judged on; a final training learns from both of the first two parts.
    ends, metric = (1400, 1600), "val_accuracy"
    if context.final:
        ends, metric = (1600, len(digits)), "test_accuracy"
    learned, judged = slice(ends[0]), slice(*ends)
    model = MLPClassifier(
        (config.hidden,), learning_rate_init=config.lr, batch_size=32, random_state=context.seed
    )
    done = 0
    if context.resume_from is not None:
        model, last = pickle.loads(context.resume_from.read_bytes())
        done = last.epoch
        yield last
    for epoch in range(done + 1, config.epochs + 1):
        began = time.monotonic()
        model.partial_fit(pixels[learned], digits[learned], classes=range(10))
        accuracy = model.score(pixels[judged], digits[judged])
        seconds = time.monotonic() - began
        last = Measurement(epoch=epoch, metrics={metric: accuracy}, seconds=seconds)
        kept = pickle.dumps((model, last))
        replace_atomically(
            checkpoint_path(context.workdir, epoch), lambda path, kept=kept: path.write_bytes(kept)
        )
        keep_latest(context.workdir, epoch)
        yield last
