"""Where the data comes from, with a download that is a function of the test."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from trainers import data, mnist
from trainers.contract import Context


class Mirror:
    """A download that writes tiny files in MNIST's format, or fails half-way."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        raw = write_mnist(folder)
        if self.fails:
            (raw / "t10k-labels-idx1-ubyte").unlink()
            raise OSError("Name or service not known")


def write_mnist(folder: Path) -> Path:
    """60 training and 10 test images of 28x28, each as bright as its number."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, count in (("train", 60), ("t10k", 10)):
        number = np.arange(count, dtype=np.uint8)
        images = np.repeat(number, 28 * 28).tobytes()
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(
            struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28) + images
        )
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(
            struct.pack(">4BI", 0, 0, 8, 1, count) + (number % 10).tobytes()
        )
    return raw


def no_download(folder: Path) -> None:
    raise AssertionError("nothing should have been downloaded")


def test_what_is_downloaded_once_is_used_from_then_on(tmp_path: Path) -> None:
    mirror = Mirror()

    assert data.prepare(tmp_path, "auto", mirror) == "mnist"
    assert data.prepare(tmp_path, "auto", mirror) == "mnist"
    assert data.prepare(tmp_path, "mnist", no_download) == "mnist"
    assert mirror.calls == 1
    assert data.describe(tmp_path, "mnist") == "MNIST, 50 train / 10 validation"


def test_files_in_torchvisions_own_layout_are_found(tmp_path: Path) -> None:
    write_mnist(tmp_path)

    assert data.prepare(tmp_path, "mnist", no_download) == "mnist"


def test_images_and_labels_arrive_as_they_are_in_the_files(tmp_path: Path) -> None:
    data.prepare(tmp_path, "mnist", Mirror())
    train = data.load(tmp_path, "mnist", "train")
    validation = data.load(tmp_path, "mnist", "validation")
    test = data.load(tmp_path, "mnist", "test")

    assert train.images.shape == (50, 28, 28)
    assert (train.images.dtype, train.labels.dtype) == (torch.uint8, torch.int64)
    assert train.images[:, 3, 7].tolist() == list(range(50))
    assert validation.images[:, 0, 0].tolist() == list(range(50, 60))
    assert validation.labels.tolist() == list(range(10))
    assert test.images[:, 27, 27].tolist() == list(range(10))


def test_the_trainer_trains_on_files_in_mnists_format(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    context = Context(workdir=tmp_path / "work", data_dir=tmp_path)
    (measured,) = mnist.train(mnist.Config(epochs=1, dataset="mnist"), context)

    assert 0 <= measured.metrics["val_accuracy"] <= 1


def test_without_network_the_digits_of_scikit_learn_take_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert data.prepare(tmp_path, "auto", Mirror(fails=True)) == "digits"
    assert "Name or service not known" in caplog.text


def test_a_failed_download_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        data.prepare(tmp_path, "mnist", Mirror(fails=True))

    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_what_a_killed_download_left_is_removed_by_the_next(tmp_path: Path) -> None:
    write_mnist(tmp_path / "download-abc")
    data.prepare(tmp_path, "mnist", Mirror())

    assert list(tmp_path.glob("download-*")) == []


def test_mnist_by_name_without_network_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        data.prepare(tmp_path, "mnist", Mirror(fails=True))

    message = str(caught.value)
    assert "Name or service not known" in message
    assert "Connect to the internet" in message
    assert "digits" in message
    assert not list(tmp_path.glob("digits*"))


def test_an_incomplete_cache_is_not_trained_on(tmp_path: Path) -> None:
    path = write_mnist(tmp_path) / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    mirror = Mirror()
    data.prepare(tmp_path, "mnist", mirror)

    assert mirror.calls == 1
    assert len(data.load(tmp_path, "mnist", "train").images) == 50


def test_an_unknown_data_set_is_refused_with_the_names_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="auto, mnist, digits; not 'cifar'"):
        data.prepare(tmp_path, "cifar", no_download)


def test_digits_by_name_download_nothing(tmp_path: Path) -> None:
    assert data.prepare(tmp_path, "digits", no_download) == "digits"


def test_the_parts_of_digits_are_disjoint_complete_and_balanced(tmp_path: Path) -> None:
    data.prepare(tmp_path, "digits", no_download)
    parts = [data.load(tmp_path, "digits", p) for p in ("train", "validation", "test")]
    images = torch.cat([part.images.flatten(1) for part in parts])

    assert [len(part.labels) for part in parts] == [1078, 359, 360]
    assert len(set(map(tuple, images.tolist()))) == 1797
    assert all(part.labels.bincount().min() >= len(part.labels) / 14 for part in parts)


def test_a_study_is_told_which_data_it_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "download_mnist", Mirror(fails=True))
    fallen_back = mnist.prepare(tmp_path)
    by_name = mnist.prepare(tmp_path, "digits")

    assert fallen_back.arguments == by_name.arguments == {"dataset": "digits"}
    assert by_name.description == "digits 8x8 of scikit-learn, 1078 train / 359 validation"
    assert fallen_back.description == (
        "digits 8x8 of scikit-learn (MNIST could not be downloaded), 1078 train / 359 validation"
    )


def test_a_server_that_does_not_answer_is_given_up_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A port of this machine on which nobody listens: refused at once, whatever the network is.
    monkeypatch.setattr(data, "_PROBE_URL", "http://127.0.0.1:1/t10k")

    with pytest.raises(OSError, match="refused"):
        data.download_mnist(tmp_path)
    assert list(tmp_path.iterdir()) == []
