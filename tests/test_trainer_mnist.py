"""The mnist trainer, on the digits that come with scikit-learn: no network, no GPU."""

import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from trainers import data, mnist
from trainers.checkpoints import checkpoint_path, checkpoints, latest_checkpoint
from trainers.contract import Context, Measurement
from trainers.specs import MNIST

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


def metrics_of(measurements: list[Measurement]) -> list[tuple[int, dict[str, float]]]:
    """All that has to be equal when a training is repeated: everything but the time it took."""
    return [(measured.epoch, dict(measured.metrics)) for measured in measurements]


def test_it_learns_digits_and_measures_every_epoch(context: Context) -> None:
    measurements = list(mnist.train(CONFIG, context))

    assert [measured.epoch for measured in measurements] == [1, 2, 3, 4]
    last = measurements[-1].metrics
    assert set(last) == {"val_accuracy", "val_loss", "train_loss"}
    assert last["val_accuracy"] > 0.95
    assert last["val_loss"] < measurements[0].metrics["val_loss"]
    assert all(measured.seconds > 0 for measured in measurements)


def test_the_same_seed_gives_the_same_metrics_and_another_seed_does_not(
    context: Context, tmp_path: Path
) -> None:
    config = replace(CONFIG, epochs=2)
    first = list(mnist.train(config, context))
    again = list(mnist.train(config, replace(context, workdir=tmp_path / "again")))
    other = list(mnist.train(config, replace(context, workdir=tmp_path / "other", seed=1)))

    assert metrics_of(again) == metrics_of(first)
    assert metrics_of(other) != metrics_of(first)


def test_a_longer_training_begins_exactly_like_a_shorter_one(
    context: Context, tmp_path: Path
) -> None:
    short = list(mnist.train(replace(CONFIG, epochs=2), context))
    long = list(mnist.train(CONFIG, replace(context, workdir=tmp_path / "long")))

    assert metrics_of(long)[:2] == metrics_of(short)


def test_an_interrupted_training_ends_as_if_it_had_never_been_interrupted(
    context: Context, tmp_path: Path
) -> None:
    whole = list(mnist.train(CONFIG, replace(context, workdir=tmp_path / "whole")))
    interrupted = mnist.train(CONFIG, context)
    before = [next(interrupted), next(interrupted)]
    interrupted.close()  # type: ignore[attr-defined]
    torch.manual_seed(99)  # whatever else drew random numbers meanwhile
    after = list(mnist.train(CONFIG, replace(context, resume_from=latest(context))))

    assert metrics_of(before) == metrics_of(whole)[:2]
    assert metrics_of(after) == metrics_of(whole)[1:]
    assert model_of(context) == model_of(replace(context, workdir=tmp_path / "whole"))


@pytest.mark.parametrize("kept_bytes", [0, 1000, 400_000])
def test_a_truncated_newest_checkpoint_is_replaced_by_the_one_before(
    context: Context, kept_bytes: int
) -> None:
    whole = list(mnist.train(CONFIG, context))
    newest = checkpoint_path(context.workdir, 4)
    newest.write_bytes(newest.read_bytes()[:kept_bytes])
    resumed = list(mnist.train(CONFIG, replace(context, resume_from=newest)))

    assert metrics_of(resumed) == metrics_of(whole)[2:]
    assert torch.load(newest, weights_only=True)["measurement"]["epoch"] == 4


def test_without_a_readable_checkpoint_it_begins_at_epoch_1(context: Context) -> None:
    config = replace(CONFIG, epochs=2)
    whole = list(mnist.train(config, context))
    for path in checkpoints(context.workdir):
        path.write_bytes(b"nothing of use")
    resumed = list(mnist.train(config, replace(context, resume_from=latest(context))))

    assert metrics_of(resumed) == metrics_of(whole)


def test_resuming_from_an_earlier_checkpoint_forgets_the_later_ones(context: Context) -> None:
    list(mnist.train(CONFIG, context))
    training = mnist.train(
        CONFIG, replace(context, resume_from=checkpoint_path(context.workdir, 3))
    )
    epochs = [next(training).epoch, next(training).epoch]

    assert epochs == [3, 4]
    assert [path.name for path in checkpoints(context.workdir)] == [
        "checkpoint-000004.pt",
        "checkpoint-000003.pt",
    ]


def test_a_finished_training_can_go_on_to_more_epochs(context: Context, tmp_path: Path) -> None:
    list(mnist.train(replace(CONFIG, epochs=2), context))
    longer = list(mnist.train(CONFIG, replace(context, resume_from=latest(context))))
    whole = list(mnist.train(CONFIG, replace(context, workdir=tmp_path / "whole")))

    assert metrics_of(longer) == metrics_of(whole)[1:]


def test_a_checkpoint_of_another_data_set_is_refused(context: Context) -> None:
    list(mnist.train(replace(CONFIG, epochs=1), context))
    path = latest(context)
    content = torch.load(path, weights_only=True) | {"dataset": "mnist"}
    torch.save(content, path)

    with pytest.raises(ValueError, match="mnist, not on digits"):
        next(mnist.train(CONFIG, replace(context, resume_from=path)))


def test_each_epoch_is_saved_before_it_is_reported_and_the_last_two_are_kept(
    context: Context,
) -> None:
    for measured in mnist.train(CONFIG, context):
        newest = latest(context)

        assert newest == checkpoint_path(context.workdir, measured.epoch)
        assert torch.load(newest, weights_only=True)["measurement"]["metrics"] == measured.metrics
        assert (context.workdir / "model.safetensors").exists()
        assert len(checkpoints(context.workdir)) == min(2, measured.epoch)
    assert sorted(path.name for path in context.workdir.iterdir()) == [
        "checkpoint-000003.pt",
        "checkpoint-000004.pt",
        "model.safetensors",
    ]


def test_closing_at_a_yield_stops_and_leaves_the_finished_epoch(context: Context) -> None:
    training = mnist.train(CONFIG, context)
    next(training)
    training.close()  # type: ignore[attr-defined]

    assert list(training) == []
    assert latest(context) == checkpoint_path(context.workdir, 1)


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


def test_resuming_restores_the_model_of_that_epoch(context: Context) -> None:
    list(mnist.train(replace(CONFIG, epochs=2), context))
    expected = model_of(context)
    (context.workdir / "model.safetensors").unlink()
    next(mnist.train(CONFIG, replace(context, resume_from=latest(context))))

    assert model_of(context) == expected


def test_a_diverged_training_says_so_by_an_objective_that_is_not_finite(context: Context) -> None:
    measurements = list(mnist.train(replace(CONFIG, lr=math.inf, epochs=2), context))

    assert all(math.isnan(measured.metrics["val_accuracy"]) for measured in measurements)
    assert not any(math.isfinite(measured.metrics["val_loss"]) for measured in measurements)


def test_nothing_is_printed_on_stdout(context: Context, capfd: pytest.CaptureFixture[str]) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        list(mnist.train(replace(CONFIG, epochs=1), context))

    assert printed.getvalue() == ""
    assert capfd.readouterr().out == ""


def test_it_never_opens_the_test_images(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    load = data.load

    def recording(data_dir: Path, name: str, part: data.Part) -> data.Examples:
        opened.append(part)
        return load(data_dir, name, part)

    monkeypatch.setattr(data, "load", recording)
    list(mnist.train(replace(CONFIG, epochs=1), context))

    assert opened == ["train", "validation"]


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


def test_the_contract_and_the_specs_load_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, trainers.specs, trainers.contract, trainers.checkpoints\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "sys.exit(str(sorted(names & {'torch', 'numpy', 'torchvision', 'sklearn', 'safetensors'})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)

    assert done.stderr.strip() == "[]"


def test_importing_the_trainer_is_fit_for_a_process_that_forks() -> None:
    code = (
        "import sys, threading, trainers.mnist, torch\n"
        "late = {'torchvision', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'{late or None} {torch.cuda.is_initialized()} {threading.active_count()}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)

    assert done.stderr.splitlines()[-1] == "None False 1"


def latest(context: Context) -> Path:
    path = latest_checkpoint(context.workdir)
    assert path is not None
    return path


def model_of(context: Context) -> bytes:
    return (context.workdir / "model.safetensors").read_bytes()
