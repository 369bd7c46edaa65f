"""The networks, optimizers and augmentations that the mnist trainer can be told to use."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from trainers import augmentation, data, mnist
from trainers.checkpoints import latest_checkpoint
from trainers.contract import Context, Measurement
from trainers.networks import ACTIVATIONS, OPTIMIZERS, Architecture, Network, make_optimizer
from trainers.specs import MNIST

DEFAULT_EPOCHS: list[object] = [
    (1, {"val_accuracy": 0.9220, "val_loss": 0.6604, "train_loss": 1.5056}),
    (2, {"val_accuracy": 0.9554, "val_loss": 0.2283, "train_loss": 0.3342}),
]
"""Measured before any of this could be chosen: seed 3, digits, CPU."""

OTHER = mnist.Config(
    dataset="digits",
    depth=4,
    width=8,
    kernel=5,
    activation="silu",
    optimizer="sgd",
    momentum=0.8,
    lr=0.1,
    augmentation="affine",
    epochs=3,
)
"""Nothing in it is the default."""


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    data.prepare(folder, "digits")
    return folder


@pytest.fixture
def context(tmp_path: Path, data_dir: Path) -> Iterator[Context]:
    threads = torch.get_num_threads()
    yield Context(workdir=tmp_path / "work", data_dir=data_dir, seed=3)
    torch.set_num_threads(threads)


def metrics_of(measurements: list[Measurement]) -> list[tuple[int, dict[str, float]]]:
    return [(measured.epoch, dict(measured.metrics)) for measured in measurements]


def test_with_defaults_it_trains_as_it_did_before_there_was_a_choice(context: Context) -> None:
    measured = metrics_of(list(mnist.train(mnist.Config(dataset="digits", epochs=2), context)))

    # Other processors add in another order; a tenth of a percent is far below what a choice does.
    near = [(e, {k: pytest.approx(v, abs=6e-3) for k, v in m.items()}) for e, m in measured]
    assert DEFAULT_EPOCHS == near


def test_the_default_network_is_the_one_that_older_checkpoints_hold() -> None:
    shapes = {name: tuple(t.shape) for name, t in Network().state_dict().items()}

    assert shapes["layers.0.weight"] == (24, 1, 3, 3)
    assert shapes["layers.8.weight"] == (96, 48, 3, 3)
    assert shapes["layers.14.weight"] == (10, 384)
    assert sum(p.numel() for p in Network().parameters()) == 56_242


@pytest.mark.parametrize("size", [8, 28])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_every_depth_and_kernel_takes_small_and_large_images(
    size: int, depth: int, kernel: int
) -> None:
    network = Network(Architecture(depth=depth, width=2, kernel=kernel, activation="gelu")).eval()

    assert network(torch.zeros(3, size, size, dtype=torch.uint8)).shape == (3, 10)


def test_channels_double_twice_and_then_stay() -> None:
    assert Architecture(depth=5, width=8).channels == [1, 8, 16, 32, 32, 32]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"depth": 0}, "must be positive"),
        ({"width": 0}, "must be positive"),
        ({"kernel": 4}, "must be odd"),
        ({"activation": "swish"}, "activation is one of relu, gelu, silu"),
        ({"optimizer": "adagrad"}, "adamw, sgd"),
        ({"augmentation": "mixup"}, "none, shift, affine"),
    ],
)
def test_what_cannot_be_built_is_refused_before_anything_is_trained(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        replace(mnist.Config(), **changes)  # type: ignore[arg-type]


def test_what_the_spec_offers_is_what_there_is() -> None:
    choices = {p.name: p.choices for p in MNIST.parameters}

    assert choices["activation"] == tuple(ACTIVATIONS)
    assert choices["optimizer"] == OPTIMIZERS
    assert choices["augmentation"] == augmentation.KINDS


def test_momentum_is_for_sgd_alone() -> None:
    def momentum(name: str) -> object:
        made = make_optimizer(name, Network(), lr=0.1, weight_decay=0.0, momentum=0.7)
        return made.param_groups[0].get("momentum")

    assert [momentum(name) for name in OPTIMIZERS] == [None, 0.7]


def test_another_network_resumes_as_if_it_had_never_been_interrupted(
    context: Context, tmp_path: Path
) -> None:
    whole = list(mnist.train(OTHER, replace(context, workdir=tmp_path / "whole")))
    interrupted = mnist.train(OTHER, context)
    next(interrupted)
    interrupted.close()  # type: ignore[attr-defined]
    resumed = replace(context, resume_from=latest_checkpoint(context.workdir))
    after = list(mnist.train(OTHER, resumed))

    assert metrics_of(after) == metrics_of(whole)
    saved = [(folder / "model.safetensors").read_bytes() for folder in
             (context.workdir, tmp_path / "whole")]  # fmt: skip
    assert saved[0] == saved[1]


def test_the_saved_model_knows_what_it_is_made_of(context: Context) -> None:
    *_, last = mnist.train(OTHER, context)
    held_out = data.load(context.data_dir, "digits", "validation")
    model = mnist.load_model(context.workdir)

    assert model.architecture == OTHER.architecture
    assert mnist.evaluate(model, held_out)[1] == last.metrics["val_accuracy"]


def test_a_model_that_does_not_say_is_the_default_one(context: Context) -> None:
    list(mnist.train(mnist.Config(dataset="digits", epochs=1), context))
    path = context.workdir / "model.safetensors"
    save_file(load_file(path), path, metadata={"dataset": "digits"})

    assert mnist.load_model(context.workdir).architecture == Architecture()


@pytest.mark.parametrize("kind", augmentation.KINDS)
def test_augmented_images_are_as_many_and_as_bright_and_still_alike(kind: str) -> None:
    images = torch.zeros(40, 28, 28, dtype=torch.uint8)
    images[:, 10:18, 10:18] = 200
    torch.manual_seed(0)
    moved = augmentation.augmented(images, kind)

    assert moved.shape == images.shape
    assert 0 <= float(moved.min()) and float(moved.max()) <= 200.01
    assert moved.float().sum().item() == pytest.approx(images.float().sum().item(), rel=0.1)
    assert (moved == images).all().item() is (kind == "none")


def test_no_augmentation_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    augmentation.augmented(torch.zeros(2, 8, 8, dtype=torch.uint8), "none")

    assert torch.equal(torch.get_rng_state(), before)


def test_a_shift_moves_and_does_not_turn() -> None:
    images = torch.zeros(1, 20, 20, dtype=torch.uint8)
    images[0, 8:12, 8:12] = 100
    torch.manual_seed(1)
    moved = augmentation.augmented(images, "shift")[0]

    # Of a square that is only shifted, the rows' sums are those of its columns, moved along.
    rows, columns = moved.sum(1), moved.sum(0)
    assert rows.sort().values.tolist()[:14] == pytest.approx([0.0] * 14, abs=1e-3)
    assert columns.sort().values.tolist()[:14] == pytest.approx([0.0] * 14, abs=1e-3)
