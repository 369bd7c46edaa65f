"""The mnist trainer, on the digits that come with scikit-learn: no network, no GPU."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from trainers import data, mnist
from trainers.checkpoints import latest_checkpoint
from trainers.contract import Context
from trainers.specs import MNIST

PARTS: tuple[data.Part, ...] = ("train", "validation", "test")
CONFIG = mnist.Config(lr=3e-3, batch_size=64, epochs=4, dataset="digits")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    data.prepare(folder, "digits")
    return folder


@pytest.fixture
def context(tmp_path: Path, data_dir: Path) -> Iterator[Context]:
    # In each run a process has one training; here many share one, and the threads are global.
    threads = torch.get_num_threads()
    yield Context(workdir=tmp_path / "work", data_dir=data_dir)
    torch.set_num_threads(threads)


def test_it_learns_digits_and_measures_every_epoch(context: Context) -> None:
    measurements = list(mnist.train(CONFIG, context))

    assert [measured.epoch for measured in measurements] == [1, 2, 3, 4]
    last = measurements[-1].metrics
    assert set(last) == {"val_accuracy", "val_loss", "train_loss"}
    assert last["val_accuracy"] > 0.95
    assert last["val_loss"] < measurements[0].metrics["val_loss"]
    assert all(measured.seconds > 0 for measured in measurements)


def test_a_checkpoint_of_another_data_set_is_refused(context: Context) -> None:
    list(mnist.train(replace(CONFIG, epochs=1), context))
    path = latest(context)
    content = torch.load(path, weights_only=True) | {"dataset": "mnist"}
    torch.save(content, path)

    with pytest.raises(ValueError, match="mnist, not on digits"):
        next(mnist.train(CONFIG, replace(context, resume_from=path)))


def test_the_saved_model_scores_what_the_last_measurement_says(context: Context) -> None:
    *_, last = mnist.train(replace(CONFIG, epochs=2), context)
    held_out = data.load(context.data_dir, "digits", "validation")
    loss, accuracy = mnist.evaluate(mnist.load_model(context.workdir), held_out)

    assert accuracy == last.metrics["val_accuracy"]
    assert loss == pytest.approx(last.metrics["val_loss"], rel=1e-4)


def test_the_saved_model_names_its_data_set(context: Context) -> None:
    list(mnist.train(replace(CONFIG, epochs=1), context))
    with safe_open(context.workdir / "model.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["training"])["dataset"] == "digits"


def test_it_never_opens_the_test_images(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    load = data.load

    def recording(data_dir: Path, name: str, part: data.Part) -> data.Examples:
        opened.append(part)
        return load(data_dir, name, part)

    monkeypatch.setattr(data, "load", recording)
    list(mnist.train(replace(CONFIG, epochs=1), context))

    assert opened == ["train", "validation"]


def test_a_final_training_sees_the_validation_images_too_and_is_judged_by_the_test_images(
    context: Context,
) -> None:
    examples, judge = data.parts(context.data_dir, "digits", final=True)
    parts = {part: data.load(context.data_dir, "digits", part) for part in PARTS}
    assert len(examples.labels) == len(parts["train"].labels) + len(parts["validation"].labels)
    assert torch.equal(judge.images, parts["test"].images)

    *_, last = mnist.train(replace(CONFIG, epochs=2), replace(context, final=True))
    _, accuracy = mnist.evaluate(mnist.load_model(context.workdir), judge)
    assert accuracy == last.metrics["test_accuracy"] > 0.9


def test_an_impossible_configuration_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="positive"):
        mnist.Config(epochs=0)


def test_the_spec_declares_every_field_of_the_configuration_with_its_default() -> None:
    configuration = {field.name: field.default for field in fields(mnist.Config)}

    assert {p.name: p.default for p in MNIST.parameters} == configuration
    searched = [p.name for p in MNIST.parameters if p.in_default_space]
    assert searched == ["lr", "batch_size", "epochs"]


def test_it_runs_alone_logs_to_stderr_and_ends_with_the_test_accuracy(
    tmp_path: Path, data_dir: Path
) -> None:
    command = [sys.executable, "-m", "trainers.mnist", "--dataset", "digits", "--epochs", "1"]
    folders = ["--workdir", str(tmp_path), "--data-dir", str(data_dir), "--threads", "1"]
    done = subprocess.run([*command, *folders], capture_output=True, text=True, timeout=50)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "1078 train / 359 validation" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("test accuracy 0.")


def latest(context: Context) -> Path:
    path = latest_checkpoint(context.workdir)
    assert path is not None
    return path
